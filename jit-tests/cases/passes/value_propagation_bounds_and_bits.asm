; Bounds and bits decide tests: after `> 100` the value is not 50, and after `& 0xf0 == 0` it is at most 15.
        ldb [0]
        jgt #100, large
        jset #0xf0, middle
        jgt #15, never
        ret #1
middle: jeq #3, never
        ret #2
large:  jeq #50, never
        jge #101, three
never:  ret #99
three:  ret #3
;; packet 65 => 3
;; packet 64 => 2
;; packet 10 => 2
;; packet 0f => 1
;; packet 00 => 1
;; packet - => 0
;; graph build
;; | block0:
;; |     check 1 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 > 0x64 then block6 else block1
;; | block1:
;; |     if v1 & 0xf0 != 0 then block4 else block2
;; | block2:
;; |     if v1 > 0xf then block8 else block3
;; | block3:
;; |     return 0x1
;; | block4:
;; |     if v1 == 0x3 then block8 else block5
;; | block5:
;; |     return 0x2
;; | block6:
;; |     if v1 == 0x32 then block8 else block7
;; | block7:
;; |     if v1 > 0x64 then block9 else block8
;; | block8:
;; |     return 0x63
;; | block9:
;; |     return 0x3
;; graph value-propagation
;; | block0:
;; |     check 1 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 > 0x64 then block1 else block2
;; | block1:
;; |     return 0x3
;; | block2:
;; |     if v1 & 0xf0 != 0 then block3 else block6
;; | block3:
;; |     if v1 == 0x3 then block4 else block5
;; | block4:
;; |     return 0x63
;; | block5:
;; |     return 0x2
;; | block6:
;; |     return 0x1
