; An optimiser shares the tail of two lists, to which A comes in different. Each list gets its tail back, and the second
; becomes one set. A check splits the first.
        ldh [0]
        jeq #1, yes
        jeq #100, yes
        ldh [2]
        jeq #4, second
        ldh [0]
        jmp rest
second: ldh [4]
        jeq #1, yes
        jeq #100, yes
rest:   jeq #300, yes
        jeq #500, yes
        ret #0
yes:    ret #1
;; packet 0001 => 1
;; packet 0064 0000 0000 => 1
;; packet 012c 0000 0000 => 1
;; packet 01f4 0000 0000 => 1
;; packet 0002 0000 0000 => 0
;; packet 0002 0004 0001 => 1
;; packet 0002 0004 0064 => 1
;; packet 012c 0004 012c => 1
;; packet 0002 0004 01f4 => 1
;; packet 012c 0004 0002 => 0
;; packet 012c 0004 00 => 0
;; packet 012c 00 => 0
;; packet 00 => 0
;; graph value-propagation
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 == 0x1 then block7 else block1
;; | block1:
;; |     if v1 == 0x64 then block7 else block2
;; | block2:
;; |     check 4 <= captured
;; |     v4 = load.half [2]
;; |     if v4 == 0x4 then block3 else block5(v1)
;; | block3:
;; |     check 6 <= captured
;; |     v6 = load.half [4]
;; |     if v6 == 0x1 then block7 else block4
;; | block4:
;; |     if v6 == 0x64 then block7 else block5(v6)
;; | block5(v7):
;; |     if v7 == 0x12c then block7 else block6
;; | block6:
;; |     if v7 == 0x1f4 then block7 else block8
;; | block7:
;; |     return 0x1
;; | block8:
;; |     return 0x0
;; graph switch-lowering
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 in {0x1, 0x64} then block4 else block1
;; | block1:
;; |     check 4 <= captured
;; |     v4 = load.half [2]
;; |     if v4 == 0x4 then block2 else block3
;; | block2:
;; |     check 6 <= captured
;; |     v6 = load.half [4]
;; |     if v6 in a table of 502 bytes then block4 else block5
;; | block3:
;; |     if v1 in {0x12c, 0x1f4} then block4 else block5
;; | block4:
;; |     return 0x1
;; | block5:
;; |     return 0x0
