; `not tcp port 80 and not tcp port 81` as written: packets of another protocol skip the second test.
        ldb [9]
        jne #6, next
        ldh [22]
        jeq #80, drop
next:   ldb [9]
        jne #6, keep
        ldh [22]
        jeq #81, drop
keep:   ret #1
drop:   ret #0
;; packet 00x9 06 00x12 0050 => 0
;; packet 00x9 06 00x12 0051 => 0
;; packet 00x9 06 00x12 0052 => 1
;; packet 00x9 06 00x12 00 => 0
;; packet 00x9 11 00x12 0050 => 1
;; packet 00x9 11 => 1
;; packet 00x9 => 0
;; graph bounds-check-elimination
;; | block0:
;; |     check 10 <= captured
;; |     v1 = load.byte [9]
;; |     if v1 == 0x6 then block1 else block2
;; | block1:
;; |     check 24 <= captured
;; |     v3 = load.half [22]
;; |     if v3 == 0x50 then block4 else block2
;; | block2:
;; |     if v1 == 0x6 then block3 else block5
;; | block3:
;; |     check 24 <= captured
;; |     v3 = load.half [22]
;; |     if v3 == 0x51 then block4 else block5
;; | block4:
;; |     return 0x0
;; | block5:
;; |     return 0x1
;; graph value-propagation
;; | block0:
;; |     check 10 <= captured
;; |     v1 = load.byte [9]
;; |     if v1 == 0x6 then block1 else block4
;; | block1:
;; |     check 24 <= captured
;; |     v3 = load.half [22]
;; |     if v3 == 0x50 then block3 else block2
;; | block2:
;; |     check 24 <= captured
;; |     if v3 == 0x51 then block3 else block4
;; | block3:
;; |     return 0x0
;; | block4:
;; |     return 0x1
