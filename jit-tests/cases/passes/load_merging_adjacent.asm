; `ip[6:2] & 0x1fff == 0 and ip[9] == 6` becomes one load of four bytes. The address after them takes two loads of two
; bytes.
        ldh [20]
        jset #0x1fff, drop
        ldb [23]
        jne #6, drop
        ldh [26]
        jne #0xc0a8, drop
        ldh [28]
        jne #0x0101, drop
        ret #1
drop:   ret #0
;; packet 00x20 4000 ff 06 0000 c0a80101 => 1
;; packet 00x20 0000 00 06 ffff c0a80101 => 1
;; packet 00x20 6000 ff 06 0000 c0a80101 => 1
;; packet 00x20 4001 ff 06 0000 c0a80101 => 0
;; packet 00x20 5000 ff 06 0000 c0a80101 => 0
;; packet 00x20 4000 ff 07 0000 c0a80101 => 0
;; packet 00x20 4000 ff 06 0000 c0a90101 => 0
;; packet 00x20 4000 ff 06 0000 c0a80102 => 0
;; packet 00x20 4000 ff 06 0000 c0a801 => 0
;; graph switch-lowering
;; | block0:
;; |     check 30 <= captured
;; |     v1 = load.half [20]
;; |     if v1 & 0x1fff != 0 then block5 else block1
;; | block1:
;; |     v3 = load.byte [23]
;; |     if v3 == 0x6 then block2 else block5
;; | block2:
;; |     v5 = load.half [26]
;; |     if v5 == 0xc0a8 then block3 else block5
;; | block3:
;; |     v7 = load.half [28]
;; |     if v7 == 0x101 then block4 else block5
;; | block4:
;; |     return 0x1
;; | block5:
;; |     return 0x0
;; graph load-merging
;; | block0:
;; |     check 30 <= captured
;; |     v10 = load.word [20]
;; |     v12 = v10 & 0x1fff00ff
;; |     if v12 == 0x6 then block1 else block3
;; | block1:
;; |     v13 = load.word [26]
;; |     if v13 == 0xc0a80101 then block2 else block3
;; | block2:
;; |     return 0x1
;; | block3:
;; |     return 0x0
