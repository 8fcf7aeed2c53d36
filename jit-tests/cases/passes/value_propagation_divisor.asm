; A test that X is not 0 does not make a division possible, a check does: the second division needs none.
        ldb [0]
        tax
        jeq #0, drop
        ldb [1]
        div x
        jgt #9, drop
        ldb [2]
        div x
        ret a
drop:   ret #0
;; packet 020508 => 4
;; packet 021608 => 0
;; packet 000508 => 0
;; packet 0205 => 0
;; graph bounds-check-elimination
;; | block0:
;; |     check 3 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 == 0x0 then block2 else block1
;; | block1:
;; |     check v1 != 0
;; |     v2 = load.byte [1]
;; |     v3 = v2 / v1
;; |     if v3 > 0x9 then block2 else block3
;; | block2:
;; |     return 0x0
;; | block3:
;; |     check v1 != 0
;; |     v5 = load.byte [2]
;; |     v6 = v5 / v1
;; |     return v6
;; graph value-propagation
;; | block0:
;; |     check 3 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 == 0x0 then block2 else block1
;; | block1:
;; |     check v1 != 0
;; |     v2 = load.byte [1]
;; |     v3 = v2 / v1
;; |     if v3 > 0x9 then block2 else block3
;; | block2:
;; |     return 0x0
;; | block3:
;; |     v5 = load.byte [2]
;; |     v6 = v5 / v1
;; |     return v6
