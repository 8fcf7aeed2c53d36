; One check covers the farthest byte of all later checks, since the other exits return 0.
        ldh [0]
        jne #1, drop
        ldb [2]
        jeq #2, drop
        ld [8]
        ret a
drop:   ret #0
;; packet 0001 00x6 00000009 => 9
;; packet 0001 00x6 000000 => 0
;; packet 0001 02 00x5 00000009 => 0
;; packet 0002 00x6 00000009 => 0
;; packet 0001 => 0
;; packet 00 => 0
;; graph build
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 == 0x1 then block1 else block3
;; | block1:
;; |     check 3 <= captured
;; |     v3 = load.byte [2]
;; |     if v3 == 0x2 then block3 else block2
;; | block2:
;; |     check 12 <= captured
;; |     v5 = load.word [8]
;; |     return v5
;; | block3:
;; |     return 0x0
;; graph bounds-check-elimination
;; | block0:
;; |     check 12 <= captured
;; |     v1 = load.half [0]
;; |     if v1 == 0x1 then block1 else block3
;; | block1:
;; |     v3 = load.byte [2]
;; |     if v3 == 0x2 then block3 else block2
;; | block2:
;; |     v5 = load.word [8]
;; |     return v5
;; | block3:
;; |     return 0x0
