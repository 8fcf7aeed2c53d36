; `host a or host b or ...` as libpcap writes it without its optimiser: alternating tests of source and destination
; become one set each. The first test stays before the second check: it may keep a packet that ends there.
        ld [26]
        jeq #0x0a000001, yes
        ld [30]
        jeq #0x0a000001, yes
        ld [26]
        jeq #0x0b000002, yes
        ld [30]
        jeq #0x0b000002, yes
        ld [26]
        jeq #0x0c000003, yes
        ld [30]
        jeq #0x0c000003, yes
        ld [26]
        jeq #0x0d000004, yes
        ld [30]
        jeq #0x0d000004, yes
        ret #0
yes:    ret #1
;; packet 00x26 0a000001 0f000000 => 1
;; packet 00x26 0f000000 0a000001 => 1
;; packet 00x26 0d000004 0f000000 => 1
;; packet 00x26 0f000000 0d000004 => 1
;; packet 00x26 0f000000 0f000000 => 0
;; packet 00x26 0a000001 0f0000 => 1
;; packet 00x26 0d000004 0f0000 => 0
;; packet 00x26 0d0000 => 0
;; graph bounds-check-elimination
;; | block0:
;; |     check 30 <= captured
;; |     v1 = load.word [26]
;; |     if v1 == 0xa000001 then block8 else block1
;; | block1:
;; |     check 34 <= captured
;; |     v3 = load.word [30]
;; |     if v3 == 0xa000001 then block8 else block2
;; | block2:
;; |     if v1 == 0xb000002 then block8 else block3
;; | block3:
;; |     if v3 == 0xb000002 then block8 else block4
;; | block4:
;; |     if v1 == 0xc000003 then block8 else block5
;; | block5:
;; |     if v3 == 0xc000003 then block8 else block6
;; | block6:
;; |     if v1 == 0xd000004 then block8 else block7
;; | block7:
;; |     if v3 == 0xd000004 then block8 else block9
;; | block8:
;; |     return 0x1
;; | block9:
;; |     return 0x0
;; graph switch-lowering
;; | block0:
;; |     check 30 <= captured
;; |     v1 = load.word [26]
;; |     if v1 == 0xa000001 then block3 else block1
;; | block1:
;; |     check 34 <= captured
;; |     v3 = load.word [30]
;; |     if v3 in a table of 32 slots then block3 else block2
;; | block2:
;; |     if v1 in {0xb000002, 0xc000003, 0xd000004} then block3 else block4
;; | block3:
;; |     return 0x1
;; | block4:
;; |     return 0x0
