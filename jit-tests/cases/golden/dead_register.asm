; A register that is not read after a join becomes no parameter.
        ldb [0]
        jeq #1, one
        ldx #5
        ld #3
        jmp meet
one:    ldx #6
        ld #4
meet:   txa
        ret a
;; packet 00 => 5
;; packet 01 => 6
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
;; |     v10 = iconst.i32 5
;; |     jump block3(v10)  ; v10 = 5
;; |
;; | block2:
;; |     v11 = iconst.i32 6
;; |     jump block3(v11)  ; v11 = 6
;; |
;; | block3(v4: i32):
;; |     return v4
;; |
;; | block5 cold:
;; |     v12 = iconst.i32 0
;; |     return v12  ; v12 = 0
;; | }
