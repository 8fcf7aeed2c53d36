; Both arms look up one table: the number is selected, and looked up once.
        ldh [12]
        jeq #0x800, ip
        jne #0x86dd, drop
        ldh [38]
        jeq #80, keep
        jeq #443, keep
        jeq #993, keep
        jeq #22, keep
        ret #0
ip:     ldh [34]
        jeq #80, keep
        jeq #443, keep
        jeq #993, keep
        jeq #22, keep
drop:   ret #0
keep:   ret #1
;; packet 00x12 0800 00x20 0050 0000 0000 => 1
;; packet 00x12 0800 00x20 03e1 => 1
;; packet 00x12 0800 00x20 0051 0000 0050 => 0
;; packet 00x12 0800 00x20 00 => 0
;; packet 00x12 86dd 00x20 0000 0000 0016 => 1
;; packet 00x12 86dd 00x20 0050 0000 0017 => 0
;; packet 00x12 86dd 00x20 0050 0000 00 => 0
;; packet 00x12 0806 00x20 0050 0000 0050 => 0
;; graph byte-swap-folding
;; | block0:
;; |     check 36 <= captured
;; |     v11 = load.half.native [12]
;; |     if v11 == 0x8 then block1 else block2
;; | block1:
;; |     v9 = load.half [34]
;; |     if v9 in a table of 995 bytes then block4 else block5
;; | block2:
;; |     if v11 == 0xdd86 then block3 else block5
;; | block3:
;; |     check 40 <= captured
;; |     v4 = load.half [38]
;; |     if v4 in a table of 995 bytes then block4 else block5
;; | block4:
;; |     return 0x1
;; | block5:
;; |     return 0x0
;; graph if-conversion
;; | block0:
;; |     if 40 <= captured then block1 else block2
;; | block1:
;; |     v11 = load.half.native [12]
;; |     v9 = load.half [34]
;; |     v4 = load.half [38]
;; |     v18 = if v11 == 0x8 then v9 else v4
;; |     v19 = if v18 in a table of 995 bytes then 0x0 else 0x1
;; |     v15 = v11 ^ 0xdd86
;; |     v20 = if v11 == 0x8 then 0x0 else v15
;; |     v21 = v19 | v20
;; |     v22 = if v21 == 0x0 then 0x1 else 0x0
;; |     return v22
;; | block2 cold:
;; |     check 36 <= captured
;; |     v11 = load.half.native [12]
;; |     if v11 == 0x8 then block3 else block5
;; | block3 cold:
;; |     v9 = load.half [34]
;; |     if v9 in a table of 995 bytes then block4 else block5
;; | block4 cold:
;; |     return 0x1
;; | block5 cold:
;; |     return 0x0
