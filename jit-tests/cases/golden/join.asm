; What differs between two arms is a parameter of the block where they meet.
        ldb [0]
        jeq #1, one
        ld #20
        ldx #5
        jmp meet
one:    ld [1]
        ldx #5
meet:   add x
        ret a
;; packet 00 => 25
;; packet 01 00000007 => 12
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v5 = iconst.i64 1
;; |     v6 = icmp uge v1, v5  ; v5 = 1
;; |     brif v6, block4, block5
;; |
;; | block4:
;; |     v7 = load.i8 notrap readonly little v0
;; |     v8 = uextend.i32 v7
;; |     v9 = iconst.i32 1
;; |     v10 = icmp eq v8, v9  ; v9 = 1
;; |     brif v10, block2, block1
;; |
;; | block1:
;; |     v11 = iconst.i32 20
;; |     jump block3(v11)  ; v11 = 20
;; |
;; | block2:
;; |     v12 = iconst.i64 5
;; |     v13 = icmp.i64 uge v1, v12  ; v12 = 5
;; |     brif v13, block6, block5
;; |
;; | block6:
;; |     v14 = load.i32 notrap readonly little v0+1
;; |     v15 = bswap v14
;; |     jump block3(v15)
;; |
;; | block3(v4: i32):
;; |     v16 = iconst.i32 5
;; |     v17 = iadd v4, v16  ; v16 = 5
;; |     return v17
;; |
;; | block5 cold:
;; |     v18 = iconst.i32 0
;; |     return v18  ; v18 = 0
;; | }
