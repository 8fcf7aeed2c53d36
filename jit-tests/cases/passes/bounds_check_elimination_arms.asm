; The check before the branch does not grow to what only one arm needs, but to what both need: byte 2. After the join,
; byte 2 is known to be captured.
        ldb [0]
        jeq #1, short
        ld [6]
        jmp meet
short:  ldb [2]
meet:   st M[0]
        ldb [2]
        ld M[0]
        ret a
;; packet 010005 => 5
;; packet 0100 => 0
;; packet 0000 00x4 00000007 => 7
;; packet 0000 00x4 000000 => 0
;; packet - => 0
;; graph build
;; | block0:
;; |     check 1 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 == 0x1 then block2 else block1
;; | block1:
;; |     check 10 <= captured
;; |     v3 = load.word [6]
;; |     jump block3(v3)
;; | block2:
;; |     check 3 <= captured
;; |     v4 = load.byte [2]
;; |     jump block3(v4)
;; | block3(v5):
;; |     check 3 <= captured
;; |     return v5
;; graph bounds-check-elimination
;; | block0:
;; |     check 3 <= captured
;; |     v1 = load.byte [0]
;; |     v4 = load.byte [2]
;; |     if v1 == 0x1 then block2(v4) else block1
;; | block1:
;; |     check 10 <= captured
;; |     v3 = load.word [6]
;; |     jump block2(v3)
;; | block2(v5):
;; |     return v5
