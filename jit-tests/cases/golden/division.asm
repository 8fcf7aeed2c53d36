; A division by X, which may be 0, and a remainder by the same X.
        ld [0]
        tax
        ld #1000
        div x
        st M[0]
        ld #1000
        mod x
        ldx M[0]
        add x
        ret a
;; packet 00000007 => 148
;; packet 00000000 => 0
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 4
;; |     v5 = icmp uge v1, v4  ; v4 = 4
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = load.i32 notrap readonly little v0
;; |     v7 = bswap v6
;; |     brif v7, block3, block2
;; |
;; | block3:
;; |     brif.i32 v7, block4, block2
;; |
;; | block4:
;; |     v8 = iconst.i32 1000
;; |     v9 = udiv v8, v7  ; v8 = 1000
;; |     v10 = iconst.i32 1000
;; |     v11 = urem v10, v7  ; v10 = 1000
;; |     v12 = iadd v9, v11
;; |     return v12
;; |
;; | block2 cold:
;; |     v13 = iconst.i32 0
;; |     return v13  ; v13 = 0
;; | }
