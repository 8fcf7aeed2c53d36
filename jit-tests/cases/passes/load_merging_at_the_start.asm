; Three bytes at the start of a packet that may have no more: no load of four bytes fits, and two tests remain.
        ldh [0]
        jne #0x0102, drop
        ldb [2]
        jne #3, drop
        ret #1
drop:   ret #0
;; packet 010203 => 1
;; packet 010204 => 0
;; packet 020203 => 0
;; packet 0102 => 0
;; graph load-merging
;; | block0:
;; |     check 3 <= captured
;; |     v1 = load.half [0]
;; |     if v1 == 0x102 then block1 else block3
;; | block1:
;; |     v3 = load.byte [2]
;; |     if v3 == 0x3 then block2 else block3
;; | block2:
;; |     return 0x1
;; | block3:
;; |     return 0x0
