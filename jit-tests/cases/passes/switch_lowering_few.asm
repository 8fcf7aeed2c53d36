; Up to three distant numbers are compared one by one; adjacent numbers become a range.
        ldh [0]
        jeq #80, yes
        jeq #443, yes
        jeq #8080, yes
        ldh [2]
        jeq #20, yes
        jeq #22, yes
        jeq #21, yes
        ret #0
yes:    ret #1
;; packet 00500000 => 1
;; packet 01bb0000 => 1
;; packet 1f900000 => 1
;; packet 00510014 => 1
;; packet 00510015 => 1
;; packet 00510016 => 1
;; packet 00510013 => 0
;; packet 00510017 => 0
;; packet 0051ffff => 0
;; packet 005000 => 1
;; packet 005100 => 0
;; packet 00 => 0
;; graph bounds-check-elimination
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 == 0x50 then block6 else block1
;; | block1:
;; |     if v1 == 0x1bb then block6 else block2
;; | block2:
;; |     if v1 == 0x1f90 then block6 else block3
;; | block3:
;; |     check 4 <= captured
;; |     v5 = load.half [2]
;; |     if v5 == 0x14 then block6 else block4
;; | block4:
;; |     if v5 == 0x16 then block6 else block5
;; | block5:
;; |     if v5 == 0x15 then block6 else block7
;; | block6:
;; |     return 0x1
;; | block7:
;; |     return 0x0
;; graph switch-lowering
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 in {0x50, 0x1bb, 0x1f90} then block2 else block1
;; | block1:
;; |     check 4 <= captured
;; |     v5 = load.half [2]
;; |     if v5 in 0x14..=0x16 then block2 else block3
;; | block2:
;; |     return 0x1
;; | block3:
;; |     return 0x0
