; A program that keeps or drops becomes one number, the difference of the packet; tests for equality that must all hold
; are or-ed.
        ldh [12]
        jne #0x800, drop
        ldb [23]
        jne #6, drop
        ldh [20]
        jset #0x1fff, drop
        ldb [30]
        jgt #9, drop
        ret #65535
drop:   ret #0
;; packet 00x12 0800 00x6 0000 00 06 00x6 09 => 65535
;; packet 00x12 0800 00x6 4000 00 06 00x6 00 => 65535
;; packet 00x12 0800 00x6 0000 00 06 00x6 0a => 0
;; packet 00x12 0800 00x6 0001 00 06 00x6 09 => 0
;; packet 00x12 0800 00x6 0000 00 07 00x6 09 => 0
;; packet 00x12 0801 00x6 0000 00 06 00x6 09 => 0
;; packet 00x12 0800 00x6 0000 00 06 00x6 => 0
;; graph byte-swap-folding
;; | block0:
;; |     check 31 <= captured
;; |     v13 = load.half.native [12]
;; |     if v13 == 0x8 then block1 else block4
;; | block1:
;; |     v15 = load.word.native [20]
;; |     v18 = v15 & 0xff00ff1f
;; |     if v18 == 0x6000000 then block2 else block4
;; | block2:
;; |     v7 = load.byte [30]
;; |     if v7 > 0x9 then block4 else block3
;; | block3:
;; |     return 0xffff
;; | block4:
;; |     return 0x0
;; graph if-conversion
;; | block0:
;; |     if 31 <= captured then block1 else block2
;; | block1:
;; |     v7 = load.byte [30]
;; |     v20 = if v7 > 0x9 then 0x1 else 0x0
;; |     v15 = load.word.native [20]
;; |     v18 = v15 & 0xff00ff1f
;; |     v21 = v18 ^ 0x6000000
;; |     v22 = v20 | v21
;; |     v13 = load.half.native [12]
;; |     v23 = v13 ^ 0x8
;; |     v24 = v22 | v23
;; |     v25 = if v24 == 0x0 then 0xffff else 0x0
;; |     return v25
;; | block2 cold:
;; |     return 0x0
;; clif if-conversion
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 31
;; |     v5 = icmp uge v1, v4  ; v4 = 31
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = uload8.i32 notrap readonly little v0+30
;; |     v7 = iconst.i32 9
;; |     v8 = icmp ugt v6, v7  ; v7 = 9
;; |     v9 = iconst.i32 1
;; |     v10 = iconst.i32 0
;; |     v11 = select v8, v9, v10  ; v9 = 1, v10 = 0
;; |     v12 = load.i32 notrap readonly v0+20
;; |     v13 = iconst.i32 -16711905
;; |     v14 = band v12, v13  ; v13 = -16711905
;; |     v15 = iconst.i32 0x0600_0000
;; |     v16 = bxor v14, v15  ; v15 = 0x0600_0000
;; |     v17 = bor v11, v16
;; |     v18 = uload16.i32 notrap readonly v0+12
;; |     v19 = iconst.i32 8
;; |     v20 = bxor v18, v19  ; v19 = 8
;; |     v21 = bor v17, v20
;; |     v22 = iconst.i32 0
;; |     v23 = icmp eq v21, v22  ; v22 = 0
;; |     v24 = iconst.i32 0xffff
;; |     v25 = iconst.i32 0
;; |     v26 = select v23, v24, v25  ; v24 = 0xffff, v25 = 0
;; |     return v26
;; |
;; | block2 cold:
;; |     v27 = iconst.i32 0
;; |     return v27  ; v27 = 0
;; | }
