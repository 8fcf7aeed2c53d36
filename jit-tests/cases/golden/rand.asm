; Random numbers come from the seed and from how many were asked for.
;; dialects linux
        ldb [0]
        jeq #0, last
        ld rand
last:   ld rand
        ret a
;; packet 00 with seed=1234567 => 0x599ed017
;; packet 01 with seed=1234567 => 0x2c73f084
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v5 = iconst.i64 1
;; |     v6 = icmp uge v1, v5  ; v5 = 1
;; |     brif v6, block3, block4
;; |
;; | block3:
;; |     v7 = uload8.i32 notrap readonly little v0
;; |     v8 = iconst.i32 0
;; |     v9 = icmp eq v7, v8  ; v8 = 0
;; |     v10 = iconst.i32 0
;; |     brif v9, block2(v10), block1  ; v10 = 0
;; |
;; | block1:
;; |     v11 = iconst.i32 1
;; |     jump block2(v11)  ; v11 = 1
;; |
;; | block2(v4: i32):
;; |     v12 = load.i64 notrap aligned readonly v3+112
;; |     v13 = uextend.i64 v4
;; |     v14 = iconst.i64 1
;; |     v15 = iadd v13, v14  ; v14 = 1
;; |     v16 = iconst.i64 -7046029254386353131
;; |     v17 = imul v15, v16  ; v16 = -7046029254386353131
;; |     v18 = iadd v12, v17
;; |     v19 = iconst.i64 30
;; |     v20 = ushr v18, v19  ; v19 = 30
;; |     v21 = bxor v18, v20
;; |     v22 = iconst.i64 -4658895280553007687
;; |     v23 = imul v21, v22  ; v22 = -4658895280553007687
;; |     v24 = iconst.i64 27
;; |     v25 = ushr v23, v24  ; v24 = 27
;; |     v26 = bxor v23, v25
;; |     v27 = iconst.i64 -7723592293110705685
;; |     v28 = imul v26, v27  ; v27 = -7723592293110705685
;; |     v29 = iconst.i64 31
;; |     v30 = ushr v28, v29  ; v29 = 31
;; |     v31 = bxor v28, v30
;; |     v32 = iconst.i64 32
;; |     v33 = ushr v31, v32  ; v32 = 32
;; |     v34 = ireduce.i32 v33
;; |     return v34
;; |
;; | block4 cold:
;; |     v35 = iconst.i32 0
;; |     return v35  ; v35 = 0
;; | }
