; With several verdicts, and one from the packet, each branch becomes a selection.
        ldh [12]
        jeq #0x806, arp
        jeq #0x800, ip
        ret #0
arp:    ret #60
ip:     ldh [16]
        jgt #1500, large
        ret a
large:  ret #1500
;; packet 00x12 0806 0000 0000 => 60
;; packet 00x12 0806 => 60
;; packet 00x12 0800 0000 0040 => 64
;; packet 00x12 0800 0000 05dc => 1500
;; packet 00x12 0800 0000 05dd => 1500
;; packet 00x12 0800 0000 00 => 0
;; packet 00x12 0801 0000 0040 => 0
;; packet 00x13 => 0
;; graph byte-swap-folding
;; | block0:
;; |     check 14 <= captured
;; |     v7 = load.half.native [12]
;; |     if v7 == 0x608 then block1 else block2
;; | block1:
;; |     return 0x3c
;; | block2:
;; |     if v7 == 0x8 then block3 else block6
;; | block3:
;; |     check 18 <= captured
;; |     v5 = load.half [16]
;; |     if v5 > 0x5dc then block4 else block5
;; | block4:
;; |     return 0x5dc
;; | block5:
;; |     return v5
;; | block6:
;; |     return 0x0
;; graph if-conversion
;; | block0:
;; |     if 18 <= captured then block1 else block2
;; | block1:
;; |     v7 = load.half.native [12]
;; |     v5 = load.half [16]
;; |     v10 = if v5 > 0x5dc then 0x5dc else v5
;; |     v11 = if v7 == 0x8 then v10 else 0x0
;; |     v12 = if v7 == 0x608 then 0x3c else v11
;; |     return v12
;; | block2 cold:
;; |     check 14 <= captured
;; |     v7 = load.half.native [12]
;; |     if v7 == 0x608 then block3 else block4
;; | block3 cold:
;; |     return 0x3c
;; | block4 cold:
;; |     return 0x0
;; clif if-conversion
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 18
;; |     v5 = icmp uge v1, v4  ; v4 = 18
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = uload16.i32 notrap readonly v0+12
;; |     v7 = load.i16 notrap readonly little v0+16
;; |     v8 = bswap v7
;; |     v9 = uextend.i32 v8
;; |     v10 = iconst.i32 1500
;; |     v11 = icmp ugt v9, v10  ; v10 = 1500
;; |     v12 = iconst.i32 1500
;; |     v13 = select v11, v12, v9  ; v12 = 1500
;; |     v14 = iconst.i32 8
;; |     v15 = icmp eq v6, v14  ; v14 = 8
;; |     v16 = iconst.i32 0
;; |     v17 = select v15, v13, v16  ; v16 = 0
;; |     v18 = iconst.i32 1544
;; |     v19 = icmp eq v6, v18  ; v18 = 1544
;; |     v20 = iconst.i32 60
;; |     v21 = select v19, v20, v17  ; v20 = 60
;; |     return v21
;; |
;; | block2 cold:
;; |     v22 = iconst.i64 14
;; |     v23 = icmp.i64 uge v1, v22  ; v22 = 14
;; |     brif v23, block5, block4
;; |
;; | block5 cold:
;; |     v24 = uload16.i32 notrap readonly v0+12
;; |     v25 = iconst.i32 1544
;; |     v26 = icmp eq v24, v25  ; v25 = 1544
;; |     brif v26, block3, block4
;; |
;; | block3 cold:
;; |     v27 = iconst.i32 60
;; |     return v27  ; v27 = 60
;; |
;; | block4 cold:
;; |     v28 = iconst.i32 0
;; |     return v28  ; v28 = 0
;; | }
