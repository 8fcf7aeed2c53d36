; Tests whose outcome is known when the program is compiled.
        ld #len
        jge #0, next
        ldb [0]
next:   ld #6
        mul #7
        jeq #42, yes, no
no:     ld [10]
        ret a
yes:    ret a
;; packet - => 42
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i32 0
;; |     v5 = icmp uge v2, v4  ; v4 = 0
;; |     brif v5, block2, block1
;; |
;; | block1:
;; |     v6 = iconst.i64 1
;; |     v7 = icmp.i64 uge v1, v6  ; v6 = 1
;; |     brif v7, block5, block6
;; |
;; | block5:
;; |     v8 = load.i8 notrap readonly little v0
;; |     v9 = uextend.i32 v8
;; |     jump block2
;; |
;; | block2:
;; |     v10 = iconst.i32 42
;; |     v11 = iconst.i32 42
;; |     v12 = icmp eq v10, v11  ; v10 = 42, v11 = 42
;; |     brif v12, block4, block3
;; |
;; | block3:
;; |     v13 = iconst.i64 14
;; |     v14 = icmp.i64 uge v1, v13  ; v13 = 14
;; |     brif v14, block7, block6
;; |
;; | block7:
;; |     v15 = load.i32 notrap readonly little v0+10
;; |     v16 = bswap v15
;; |     return v16
;; |
;; | block4:
;; |     v17 = iconst.i32 42
;; |     return v17  ; v17 = 42
;; |
;; | block6 cold:
;; |     v18 = iconst.i32 0
;; |     return v18  ; v18 = 0
;; | }
