; Not converted: the address of a load depends on a load whose address depends on a load.
        ldb [1]
        tax
        ldb [x + 2]
        tax
        ldb [x + 4]
        jeq #5, keep
        ret #0
keep:   ret #1
;; packet 0000 00 00 05 => 1
;; packet 0001 00 01 04 05 => 1
;; packet 0001 00 01 05 04 => 0
;; packet 0000 00 00 => 0
;; packet 00 => 0
;; graph byte-swap-folding
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.byte [1]
;; |     check v1 + 3 <= captured
;; |     v4 = load.byte [v1 + 2]
;; |     check v4 + 5 <= captured
;; |     v7 = load.byte [v4 + 4]
;; |     if v7 == 0x5 then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     return 0x0
;; graph if-conversion
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.byte [1]
;; |     check v1 + 3 <= captured
;; |     v4 = load.byte [v1 + 2]
;; |     check v4 + 5 <= captured
;; |     v7 = load.byte [v4 + 4]
;; |     if v7 == 0x5 then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     return 0x0
