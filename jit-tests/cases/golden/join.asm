; A variable that differs between two arms becomes a parameter of the block where they join.
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
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v5 = iconst.i64 1
;; |     v6 = icmp uge v1, v5  ; v5 = 1
;; |     brif v6, block4, block5
;; |
;; | block4:
;; |     v7 = uload8.i32 notrap readonly little v0
;; |     v8 = iconst.i32 1
;; |     v9 = icmp eq v7, v8  ; v8 = 1
;; |     brif v9, block2, block1
;; |
;; | block1:
;; |     v10 = iconst.i32 20
;; |     jump block3(v10)  ; v10 = 20
;; |
;; | block2:
;; |     v11 = iconst.i64 5
;; |     v12 = icmp.i64 uge v1, v11  ; v11 = 5
;; |     brif v12, block6, block5
;; |
;; | block6:
;; |     v13 = load.i32 notrap readonly little v0+1
;; |     v14 = bswap v13
;; |     jump block3(v14)
;; |
;; | block3(v4: i32):
;; |     v15 = iconst.i32 5
;; |     v16 = iadd v4, v15  ; v15 = 5
;; |     return v16
;; |
;; | block5 cold:
;; |     v17 = iconst.i32 0
;; |     return v17  ; v17 = 0
;; | }
