; Not converted: a join of values.
        ldb [0]
        jeq #1, one
        ldb [1]
        jmp meet
one:    ldb [2]
meet:   add #1
        ret a
;; packet 010007 => 8
;; packet 0100 => 0
;; packet 0000 => 1
;; packet 00 => 0
;; graph byte-swap-folding
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.byte [0]
;; |     v3 = load.byte [1]
;; |     if v1 == 0x1 then block1 else block2(v3)
;; | block1:
;; |     check 3 <= captured
;; |     v4 = load.byte [2]
;; |     jump block2(v4)
;; | block2(v5):
;; |     v6 = v5 + 0x1
;; |     return v6
;; graph if-conversion
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.byte [0]
;; |     v3 = load.byte [1]
;; |     if v1 == 0x1 then block1 else block2(v3)
;; | block1:
;; |     check 3 <= captured
;; |     v4 = load.byte [2]
;; |     jump block2(v4)
;; | block2(v5):
;; |     v6 = v5 + 0x1
;; |     return v6
