; Not merged: tests that lead to different targets if they fail, and bytes after a check of their own, since a packet
; that ends before them may be kept.
        ldb [0]
        jne #1, drop
        ldb [1]
        jne #2, other
        ldb [2]
        jne #3, other
        ret #1
other:  ret #2
drop:   ret #0
;; packet 010203 => 1
;; packet 010204 => 2
;; packet 0103 => 2
;; packet 0102 => 0
;; packet 020203 => 0
;; packet 01 => 0
;; graph switch-lowering
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 == 0x1 then block1 else block5
;; | block1:
;; |     v3 = load.byte [1]
;; |     if v3 == 0x2 then block2 else block4
;; | block2:
;; |     check 3 <= captured
;; |     v5 = load.byte [2]
;; |     if v5 == 0x3 then block3 else block4
;; | block3:
;; |     return 0x1
;; | block4:
;; |     return 0x2
;; | block5:
;; |     return 0x0
;; graph load-merging
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 == 0x1 then block1 else block5
;; | block1:
;; |     v3 = load.byte [1]
;; |     if v3 == 0x2 then block2 else block4
;; | block2:
;; |     check 3 <= captured
;; |     v5 = load.byte [2]
;; |     if v5 == 0x3 then block3 else block4
;; | block3:
;; |     return 0x1
;; | block4:
;; |     return 0x2
;; | block5:
;; |     return 0x0
