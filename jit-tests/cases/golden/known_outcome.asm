; Tests whose outcome is known at compile time.
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
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     jump block1
;; |
;; | block1:
;; |     jump block2
;; |
;; | block2:
;; |     v4 = iconst.i32 42
;; |     return v4  ; v4 = 42
;; | }
