; Each of several distant numbers stands in one of two slots of a table: `src host a or b or c or d or e`.
        ld [26]
        jeq #0x0a000001, yes
        jeq #0xc0a80001, yes
        jeq #0xac100001, yes
        jeq #0x08080808, yes
        jeq #0x01010101, yes
        ret #0
yes:    ret #1
;; packet 00x26 0a000001 => 1
;; packet 00x26 c0a80001 => 1
;; packet 00x26 ac100001 => 1
;; packet 00x26 08080808 => 1
;; packet 00x26 01010101 => 1
;; packet 00x26 00000000 => 0
;; packet 00x26 0100000a => 0
;; packet 00x26 ffffffff => 0
;; packet 00x26 010101 => 0
;; graph switch-lowering
;; | block0:
;; |     check 30 <= captured
;; |     v1 = load.word [26]
;; |     if v1 in a table of 32 slots then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     return 0x0
;; clif switch-lowering
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; |     gv0 = symbol colocated userextname0
;; |
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 30
;; |     v5 = icmp uge v1, v4  ; v4 = 30
;; |     brif v5, block3, block4
;; |
;; | block3:
;; |     v6 = load.i32 notrap readonly little v0+26
;; |     v7 = bswap v6
;; |     v8 = symbol_value.i64 gv0
;; |     v9 = iconst.i32 -501176263
;; |     v10 = imul v7, v9  ; v9 = -501176263
;; |     v11 = iconst.i32 28
;; |     v12 = ushr v10, v11  ; v11 = 28
;; |     v13 = uextend.i64 v12
;; |     v14 = iconst.i64 3
;; |     v15 = ishl v13, v14  ; v14 = 3
;; |     v16 = iadd v8, v15
;; |     v17 = load.i32 notrap aligned readonly v16
;; |     v18 = icmp eq v17, v7
;; |     brif v18, block1, block5
;; |
;; | block5:
;; |     v19 = symbol_value.i64 gv0
;; |     v20 = load.i32 notrap aligned readonly v16+4
;; |     v21 = icmp eq v20, v7
;; |     brif v21, block1, block6
;; |
;; | block6:
;; |     jump block2
;; |
;; | block1:
;; |     v22 = iconst.i32 1
;; |     return v22  ; v22 = 1
;; |
;; | block2:
;; |     v23 = iconst.i32 0
;; |     return v23  ; v23 = 0
;; |
;; | block4 cold:
;; |     v24 = iconst.i32 0
;; |     return v24  ; v24 = 0
;; | }
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; |     gv0 = symbol colocated userextname0
;; |
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 30
;; |     v5 = icmp uge v1, v4  ; v4 = 30
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = load.i32 notrap readonly v0+26
;; |     v7 = iconst.i32 0
;; |     v8 = iconst.i32 1
;; |     v9 = symbol_value.i64 gv0
;; |     v10 = iconst.i32 -501176263
;; |     v11 = imul v6, v10  ; v10 = -501176263
;; |     v12 = iconst.i32 28
;; |     v13 = ushr v11, v12  ; v12 = 28
;; |     v14 = uextend.i64 v13
;; |     v15 = iconst.i64 3
;; |     v16 = ishl v14, v15  ; v15 = 3
;; |     v17 = iadd v9, v16
;; |     v18 = load.i32 notrap aligned readonly v17
;; |     v19 = icmp eq v18, v6
;; |     v20 = select v19, v7, v8  ; v7 = 0, v8 = 1
;; |     v21 = load.i32 notrap aligned readonly v17+4
;; |     v22 = icmp eq v21, v6
;; |     v23 = select v22, v7, v20  ; v7 = 0
;; |     v24 = iconst.i32 0
;; |     v25 = icmp eq v23, v24  ; v24 = 0
;; |     v26 = iconst.i32 1
;; |     v27 = iconst.i32 0
;; |     v28 = select v25, v26, v27  ; v26 = 1, v27 = 0
;; |     return v28
;; |
;; | block2 cold:
;; |     v29 = iconst.i32 0
;; |     return v29  ; v29 = 0
;; | }
