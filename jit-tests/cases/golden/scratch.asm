; Scratch words become values: nothing is stored.
        ldb [0]
        st M[0]
        ldb [1]
        st M[1]
        ldx M[0]
        ld M[1]
        sub x
        ret a
;; packet 0307 => 4
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 1
;; |     v5 = icmp uge v1, v4  ; v4 = 1
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = iconst.i64 2
;; |     v7 = icmp.i64 uge v1, v6  ; v6 = 2
;; |     brif v7, block3, block2
;; |
;; | block3:
;; |     v8 = uload8.i32 notrap readonly little v0+1
;; |     v9 = uload8.i32 notrap readonly little v0
;; |     v10 = isub v8, v9
;; |     return v10
;; |
;; | block2 cold:
;; |     v11 = iconst.i32 0
;; |     return v11  ; v11 = 0
;; | }
