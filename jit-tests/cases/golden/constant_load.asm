; Two constant loads: the check of the first covers the second.
        ldh [12]
        tax
        ldb [4]
        add x
        ret a
;; packet 00x12 0800 => 0x0800
;; packet 00x12 08 => 0
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 14
;; |     v5 = icmp uge v1, v4  ; v4 = 14
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = iconst.i64 5
;; |     v7 = icmp.i64 uge v1, v6  ; v6 = 5
;; |     brif v7, block3, block2
;; |
;; | block3:
;; |     v8 = load.i16 notrap readonly little v0+12
;; |     v9 = bswap v8
;; |     v10 = uextend.i32 v9
;; |     v11 = uload8.i32 notrap readonly little v0+4
;; |     v12 = iadd v10, v11
;; |     return v12
;; |
;; | block2 cold:
;; |     v13 = iconst.i32 0
;; |     return v13  ; v13 = 0
;; | }
