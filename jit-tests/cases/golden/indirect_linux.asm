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
;; |     v13 = uextend.i64 v12
;; |     v14 = iconst.i64 2
;; |     v15 = iadd v13, v14  ; v14 = 2
;; |     v16 = icmp ule v15, v1
;; |     brif v16, block3, block2
;; |
;; | block3:
;; |     v17 = uextend.i64 v12
;; |     v18 = iadd.i64 v0, v17
;; |     v19 = load.i16 notrap readonly little v18
;; |     v20 = bswap v19
;; |     v21 = uextend.i32 v20
;; |     return v21
;; |
;; | block2 cold:
;; |     v22 = iconst.i32 0
;; |     return v22  ; v22 = 0
;; | }
