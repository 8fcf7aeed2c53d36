; Checks with the same X as base are merged. A second X is at most 15, so the check of byte 30 covers its loads.
        ldb [30]
        ldxb 4*([14]&0xf)
        ldh [x + 14]
        jeq #22, drop
        ldh [x + 16]
        jeq #22, drop
        ldb [0]
        and #0xf
        tax
        ldb [x + 15]
        ret a
drop:   ret #0
;; packet 01 00x13 4f 00 42 00x57 0050 0050 => 66
;; packet 01 00x13 4f 00 42 00x57 0050 00 => 0
;; packet 01 00x13 4f 00 42 00x57 0016 0050 => 0
;; packet 01 00x13 4f 00 42 00x57 0050 0016 => 0
;; packet 0f 00x13 40 00x15 43 => 67
;; packet 0f 00x13 40 00x15 => 0
;; graph build
;; | block0:
;; |     check 31 <= captured
;; |     check 15 <= captured
;; |     v2 = load.byte [14]
;; |     v4 = v2 & 0xf
;; |     v6 = v4 << 0x2
;; |     check v6 + 16 <= captured
;; |     v9 = load.half [v6 + 14]
;; |     if v9 == 0x16 then block3 else block1
;; | block1:
;; |     check v6 + 18 <= captured
;; |     v13 = load.half [v6 + 16]
;; |     if v13 == 0x16 then block3 else block2
;; | block2:
;; |     check 1 <= captured
;; |     v14 = load.byte [0]
;; |     v15 = v14 & 0xf
;; |     check v15 + 16 <= captured
;; |     v17 = load.byte [v15 + 15]
;; |     return v17
;; | block3:
;; |     return 0x0
;; graph bounds-check-elimination
;; | block0:
;; |     check 31 <= captured
;; |     v2 = load.byte [14]
;; |     v4 = v2 & 0xf
;; |     v6 = v4 << 0x2
;; |     check v6 + 18 <= captured
;; |     v9 = load.half [v6 + 14]
;; |     if v9 == 0x16 then block2 else block1
;; | block1:
;; |     v13 = load.half [v6 + 16]
;; |     if v13 == 0x16 then block2 else block3
;; | block2:
;; |     return 0x0
;; | block3:
;; |     v14 = load.byte [0]
;; |     v15 = v14 & 0xf
;; |     v17 = load.byte [v15 + 15]
;; |     return v17
