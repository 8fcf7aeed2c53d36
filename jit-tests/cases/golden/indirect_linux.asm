; X + k wraps at 32 bits, then is widened to 64.
;; dialects linux
        ldxb 4*([0]&0xf)
        ldh [x + -2]
        ret a
;; packet 01 112233 => 0x2233
;; packet 00 112233 => 0
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 1
;; |     v5 = icmp uge v1, v4  ; v4 = 1
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = load.i8 notrap readonly little v0
;; |     v7 = uextend.i32 v6
;; |     v8 = iconst.i32 15
;; |     v9 = band v7, v8  ; v8 = 15
;; |     v10 = iconst.i32 2
;; |     v11 = ishl v9, v10  ; v10 = 2
;; |     v12 = iconst.i32 -2
;; |     v13 = iadd v11, v12  ; v12 = -2
;; |     v14 = uextend.i64 v13
;; |     v15 = iconst.i64 2
;; |     v16 = iadd v14, v15  ; v15 = 2
;; |     v17 = icmp ule v16, v1
;; |     brif v17, block3, block2
;; |
;; | block3:
;; |     v18 = uextend.i64 v13
;; |     v19 = iadd.i64 v0, v18
;; |     v20 = load.i16 notrap readonly little v19
;; |     v21 = bswap v20
;; |     v22 = uextend.i32 v21
;; |     return v22
;; |
;; | block2 cold:
;; |     v23 = iconst.i32 0
;; |     return v23  ; v23 = 0
;; | }
