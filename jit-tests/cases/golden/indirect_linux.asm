; X + k wraps at 32 bits, then is widened to 64.
;; dialects linux
        ldxb 4*([0]&0xf)
        ldh [x + -2]
        ret a
;; packet 01 112233 => 0x2233
;; packet 00 112233 => 0
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 1
;; |     v5 = icmp uge v1, v4  ; v4 = 1
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = uload8.i32 notrap readonly little v0
;; |     v7 = iconst.i32 15
;; |     v8 = band v6, v7  ; v7 = 15
;; |     v9 = iconst.i32 2
;; |     v10 = ishl v8, v9  ; v9 = 2
;; |     v11 = iconst.i32 -2
;; |     v12 = iadd v10, v11  ; v11 = -2
;; |     v14 = iconst.i32 -2097152
;; |     v15 = icmp ult v12, v14  ; v14 = -2097152
;; |     brif v15, block4(v12), block3
;; |
;; | block3 cold:
;; |     v16 = load.i32 notrap aligned readonly v3+8
;; |     v17 = load.i32 notrap aligned readonly v3+12
;; |     v18 = iconst.i32 -1048576
;; |     v19 = icmp.i32 uge v12, v18  ; v18 = -1048576
;; |     v20 = select v19, v16, v17
;; |     v21 = iadd.i32 v12, v20
;; |     jump block4(v21)
;; |
;; | block4(v13: i32):
;; |     v22 = uextend.i64 v13
;; |     v23 = iconst.i64 2
;; |     v24 = iadd v22, v23  ; v23 = 2
;; |     v25 = icmp ule v24, v1
;; |     brif v25, block5, block2
;; |
;; | block5:
;; |     v26 = uextend.i64 v13
;; |     v27 = iadd.i64 v0, v26
;; |     v28 = load.i16 notrap readonly little v27
;; |     v29 = bswap v28
;; |     v30 = uextend.i32 v29
;; |     return v30
;; |
;; | block2 cold:
;; |     v31 = iconst.i32 0
;; |     return v31  ; v31 = 0
;; | }
