; Numbers less than 2,048 apart become bits in memory.
        ld [0]
        jeq #0x0a000000, yes
        jeq #0x0a000040, yes
        jeq #0x0a0000ff, yes
        jeq #0x0a0007ff, yes
        ret #0
yes:    ret #1
;; packet 0a000000 => 1
;; packet 0a000040 => 1
;; packet 0a0000ff => 1
;; packet 0a0007ff => 1
;; packet 09ffffff => 0
;; packet 0a000001 => 0
;; packet 0a0007fe => 0
;; packet 0a000800 => 0
;; packet 0a001000 => 0
;; packet 00000000 => 0
;; packet ffffffff => 0
;; packet 0a0000 => 0
;; graph switch-lowering
;; | block0:
;; |     check 4 <= captured
;; |     v1 = load.word [0]
;; |     if v1 in 0xa000000 + bitmap of 256 bytes then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     return 0x0
;; clif switch-lowering
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; |     gv0 = symbol colocated userextname0
;; |
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 4
;; |     v5 = icmp uge v1, v4  ; v4 = 4
;; |     brif v5, block3, block4
;; |
;; | block3:
;; |     v6 = load.i32 notrap readonly little v0
;; |     v7 = bswap v6
;; |     v8 = iconst.i32 -167772160
;; |     v9 = iadd v7, v8  ; v8 = -167772160
;; |     v10 = iconst.i32 6
;; |     v11 = ushr v9, v10  ; v10 = 6
;; |     v12 = iconst.i32 31
;; |     v13 = band v11, v12  ; v12 = 31
;; |     v14 = symbol_value.i64 gv0
;; |     v15 = uextend.i64 v13
;; |     v16 = iconst.i64 3
;; |     v17 = ishl v15, v16  ; v16 = 3
;; |     v18 = iadd v14, v17
;; |     v19 = load.i64 notrap aligned readonly v18
;; |     v20 = ushr v19, v9
;; |     v21 = ireduce.i8 v20
;; |     v22 = iconst.i8 1
;; |     v23 = band v21, v22  ; v22 = 1
;; |     v24 = iconst.i32 2048
;; |     v25 = icmp ult v9, v24  ; v24 = 2048
;; |     v26 = band v23, v25
;; |     brif v26, block1, block5
;; |
;; | block5:
;; |     jump block2
;; |
;; | block1:
;; |     v27 = iconst.i32 1
;; |     return v27  ; v27 = 1
;; |
;; | block2:
;; |     v28 = iconst.i32 0
;; |     return v28  ; v28 = 0
;; |
;; | block4 cold:
;; |     v29 = iconst.i32 0
;; |     return v29  ; v29 = 0
;; | }
