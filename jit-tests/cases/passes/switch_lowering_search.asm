; Many numbers with many targets become a binary search, whatever the order of the tests.
        ldb [0]
        jeq #10, one
        jeq #50, two
        jeq #20, three
        jeq #40, four
        jeq #30, five
        jgt #200, six
        ret #0
one:    ret #1
two:    ret #2
three:  ret #3
four:   ret #4
five:   ret #5
six:    ret #6
;; packet 0a => 1
;; packet 32 => 2
;; packet 14 => 3
;; packet 28 => 4
;; packet 1e => 5
;; packet c9 => 6
;; packet ff => 6
;; packet c8 => 0
;; packet 00 => 0
;; packet 0b => 0
;; packet 31 => 0
;; packet - => 0
;; graph switch-lowering
;; | block0:
;; |     check 1 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 > 0x1e then block1 else block7
;; | block1:
;; |     if v1 == 0x32 then block2 else block3
;; | block2:
;; |     return 0x2
;; | block3:
;; |     if v1 == 0x28 then block4 else block5
;; | block4:
;; |     return 0x4
;; | block5:
;; |     if v1 > 0xc8 then block6 else block13
;; | block6:
;; |     return 0x6
;; | block7:
;; |     if v1 == 0xa then block8 else block9
;; | block8:
;; |     return 0x1
;; | block9:
;; |     if v1 == 0x14 then block10 else block11
;; | block10:
;; |     return 0x3
;; | block11:
;; |     if v1 == 0x1e then block12 else block13
;; | block12:
;; |     return 0x5
;; | block13:
;; |     return 0x0
