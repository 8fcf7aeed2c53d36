; Three bytes are in a load of four that begins one byte earlier, as the byte after them may not be captured.
        ldh [9]
        jne #0x0102, drop
        ldb [11]
        jne #3, drop
        ret #1
drop:   ret #0
;; packet ffx9 010203 => 1
;; packet ffx9 010203 ff => 1
;; packet ffx9 010204 => 0
;; packet ffx9 020203 => 0
;; packet ffx9 0102 => 0
;; graph switch-lowering
;; | block0:
;; |     check 12 <= captured
;; |     v1 = load.half [9]
;; |     if v1 == 0x102 then block1 else block3
;; | block1:
;; |     v3 = load.byte [11]
;; |     if v3 == 0x3 then block2 else block3
;; | block2:
;; |     return 0x1
;; | block3:
;; |     return 0x0
;; graph load-merging
;; | block0:
;; |     check 12 <= captured
;; |     v6 = load.word [8]
;; |     v8 = v6 & 0xffffff
;; |     if v8 == 0x10203 then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     return 0x0
