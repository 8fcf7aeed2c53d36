; Each edge to the second test of the EtherType decides it and is threaded: the test becomes unreachable.
        ldh [12]
        jeq #0x800, ip
        jeq #0x86dd, ip6
        ret #1
ip:     ldb [23]
        jeq #6, meet
        ret #0
ip6:    ldb [20]
        jeq #6, meet
        ret #0
meet:   ldh [12]
        jeq #0x800, four
        ldh [56]
        ret a
four:   ldh [36]
        ret a
;; packet 00x12 0800 00x9 06 00x12 0050 => 80
;; packet 00x12 0800 00x9 06 00x12 00 => 0
;; packet 00x12 0800 00x9 11 00x12 0050 => 0
;; packet 00x12 0800 00x9 => 0
;; packet 00x12 86dd 00x6 06 00x35 0051 => 81
;; packet 00x12 86dd 00x6 06 00x35 00 => 0
;; packet 00x12 86dd 00x6 11 00x35 0051 => 0
;; packet 00x12 0806 => 1
;; packet 00x13 => 0
;; graph bounds-check-elimination
;; | block0:
;; |     check 14 <= captured
;; |     v1 = load.half [12]
;; |     if v1 == 0x800 then block1 else block2
;; | block1:
;; |     check 38 <= captured
;; |     v5 = load.byte [23]
;; |     if v5 == 0x6 then block4 else block7
;; | block2:
;; |     if v1 == 0x86dd then block3 else block8
;; | block3:
;; |     check 38 <= captured
;; |     v7 = load.byte [20]
;; |     if v7 == 0x6 then block4 else block7
;; | block4:
;; |     if v1 == 0x800 then block5 else block6
;; | block5:
;; |     v9 = load.half [36]
;; |     return v9
;; | block6:
;; |     check 58 <= captured
;; |     v8 = load.half [56]
;; |     return v8
;; | block7:
;; |     return 0x0
;; | block8:
;; |     return 0x1
;; graph value-propagation
;; | block0:
;; |     check 14 <= captured
;; |     v1 = load.half [12]
;; |     if v1 == 0x800 then block1 else block3
;; | block1:
;; |     check 38 <= captured
;; |     v5 = load.byte [23]
;; |     if v5 == 0x6 then block2 else block6
;; | block2:
;; |     v9 = load.half [36]
;; |     return v9
;; | block3:
;; |     if v1 == 0x86dd then block4 else block7
;; | block4:
;; |     check 38 <= captured
;; |     v7 = load.byte [20]
;; |     if v7 == 0x6 then block5 else block6
;; | block5:
;; |     check 58 <= captured
;; |     v8 = load.half [56]
;; |     return v8
;; | block6:
;; |     return 0x0
;; | block7:
;; |     return 0x1
