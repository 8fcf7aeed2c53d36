; Eight or more tests of one value with one target become one test before any other pass. Jumps to jumps are threaded.
        ldh [0]
        jeq #1, one
        jeq #3, one
        jeq #70, one
        jeq #99, one
        jeq #5, one
        jeq #2, one
        jeq #1000, one
        jeq #1001, one
        jeq #7, two
        jeq #9, one
        ret #0
one:    jmp two
two:    ret #1
;; packet 0001 => 1
;; packet 0046 => 1
;; packet 03e9 => 1
;; packet 0007 => 1
;; packet 0009 => 1
;; packet 0000 => 0
;; packet 0004 => 0
;; packet 03ea => 0
;; packet 00 => 0
;; graph case-clustering
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 in a table of 1003 bytes then block2 else block1
;; | block1:
;; |     return 0x0
;; | block2:
;; |     return 0x1
;; graph switch-lowering
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 in a table of 1003 bytes then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     return 0x0
