; Tests for equality, for bits and for members of a table are made in the byte order of the packet. A number that is
; also compared or returned elsewhere is swapped anyway, and tested as it is.
        ldh [0]
        jne #0x800, drop
        ldh [2]
        jset #0x1fff, drop
        ld [4]
        and #0xffffff00
        jeq #0x0a000100, more
        ldh [8]
        jeq #1, one
        jgt #1024, drop
        ret a
one:    ret #1
more:   ld [12]
        jeq #0x0a000001, keep
        jeq #0xc0a80001, keep
        jeq #0xac100001, keep
        jeq #0x08080808, keep
drop:   ret #0
keep:   ret #2
;; packet 0800 4000 0a000105 0000 0000 0a000001 => 2
;; packet 0800 0000 0a0001ff 0000 0000 c0a80001 => 2
;; packet 0800 0000 0a0001ff 0000 0000 ac100001 => 2
;; packet 0800 0000 0a0001ff 0000 0000 08080808 => 2
;; packet 0800 0000 0a0001ff 0000 0000 0100000a => 0
;; packet 0008 0000 0a0001ff 0000 0000 0a000001 => 0
;; packet 0800 0001 0a000105 0000 0000 0a000001 => 0
;; packet 0800 1000 0a000105 0000 0000 0a000001 => 0
;; packet 0800 0000 0a000205 0001 => 1
;; packet 0800 0000 0a000205 0400 => 1024
;; packet 0800 0000 0a000205 0401 => 0
;; packet 0800 0000 0a000205 0100 => 256
;; packet 0800 0000 0a000205 01 => 0
;; packet 0800 0000 0a000105 0000 0000 0a0000 => 0
;; graph load-merging
;; | block0:
;; |     check 10 <= captured
;; |     v18 = load.word [0]
;; |     v20 = v18 & 0xffff1fff
;; |     if v20 == 0x8000000 then block1 else block8
;; | block1:
;; |     v5 = load.word [4]
;; |     v7 = v5 & 0xffffff00
;; |     if v7 == 0xa000100 then block2 else block4
;; | block2:
;; |     check 16 <= captured
;; |     v12 = load.word [12]
;; |     if v12 in a table of 32 slots then block3 else block8
;; | block3:
;; |     return 0x2
;; | block4:
;; |     v9 = load.half [8]
;; |     if v9 == 0x1 then block5 else block6
;; | block5:
;; |     return 0x1
;; | block6:
;; |     if v9 > 0x400 then block8 else block7
;; | block7:
;; |     return v9
;; | block8:
;; |     return 0x0
;; graph byte-swap-folding
;; | block0:
;; |     check 10 <= captured
;; |     v22 = load.word.native [0]
;; |     v25 = v22 & 0xff1fffff
;; |     if v25 == 0x8 then block1 else block8
;; | block1:
;; |     v26 = load.word.native [4]
;; |     v29 = v26 & 0xffffff
;; |     if v29 == 0x1000a then block2 else block4
;; | block2:
;; |     check 16 <= captured
;; |     v30 = load.word.native [12]
;; |     if v30 in a table of 32 slots then block3 else block8
;; | block3:
;; |     return 0x2
;; | block4:
;; |     v9 = load.half [8]
;; |     if v9 == 0x1 then block5 else block6
;; | block5:
;; |     return 0x1
;; | block6:
;; |     if v9 > 0x400 then block8 else block7
;; | block7:
;; |     return v9
;; | block8:
;; |     return 0x0
