; Random numbers are made of the seed and the number of earlier loads.
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
;; |     v12 = load.i64 notrap aligned readonly v3
;; |     v13 = load.i64 notrap aligned readonly v12+112
;; |     v14 = uextend.i64 v4
;; |     v15 = iconst.i64 1
;; |     v16 = iadd v14, v15  ; v15 = 1
;; |     v17 = iconst.i64 -7046029254386353131
;; |     v18 = imul v16, v17  ; v17 = -7046029254386353131
;; |     v19 = iadd v13, v18
;; |     v20 = iconst.i64 30
;; |     v21 = ushr v19, v20  ; v20 = 30
;; |     v22 = bxor v19, v21
;; |     v23 = iconst.i64 -4658895280553007687
;; |     v24 = imul v22, v23  ; v23 = -4658895280553007687
;; |     v25 = iconst.i64 27
;; |     v26 = ushr v24, v25  ; v25 = 27
;; |     v27 = bxor v24, v26
;; |     v28 = iconst.i64 -7723592293110705685
;; |     v29 = imul v27, v28  ; v28 = -7723592293110705685
;; |     v30 = iconst.i64 31
;; |     v31 = ushr v29, v30  ; v30 = 31
;; |     v32 = bxor v29, v31
;; |     v33 = iconst.i64 32
;; |     v34 = ushr v32, v33  ; v33 = 32
;; |     v35 = ireduce.i32 v34
;; |     return v35
;; |
;; | block4 cold:
;; |     v36 = iconst.i32 0
;; |     return v36  ; v36 = 0
;; | }
