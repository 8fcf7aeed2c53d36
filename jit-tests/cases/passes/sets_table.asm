; Numbers that are far apart each stand in one of two places of a table: `src host a or b or c or d or e`.
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
;; graph sets
;; | block0:
;; |     check 30 <= captured
;; |     v1 = load.word [26]
;; |     if v1 in a table of 16 places then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     return 0x0
;; clif sets
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
;; |     v14 = iconst.i64 2
;; |     v15 = ishl v13, v14  ; v14 = 2
;; |     v16 = iadd v8, v15
;; |     v17 = load.i32 notrap aligned readonly v16
;; |     v18 = icmp eq v17, v7
;; |     brif v18, block1, block5
;; |
;; | block5:
;; |     v19 = symbol_value.i64 gv0
;; |     v20 = iconst.i32 0x6e78_9e6b
;; |     v21 = imul.i32 v7, v20  ; v20 = 0x6e78_9e6b
;; |     v22 = iconst.i32 28
;; |     v23 = ushr v21, v22  ; v22 = 28
;; |     v24 = uextend.i64 v23
;; |     v25 = iconst.i64 2
;; |     v26 = ishl v24, v25  ; v25 = 2
;; |     v27 = iadd v19, v26
;; |     v28 = load.i32 notrap aligned readonly v27
;; |     v29 = icmp eq v28, v7
;; |     brif v29, block1, block6
;; |
;; | block6:
;; |     jump block2
;; |
;; | block1:
;; |     v30 = iconst.i32 1
;; |     return v30  ; v30 = 1
;; |
;; | block2:
;; |     v31 = iconst.i32 0
;; |     return v31  ; v31 = 0
;; |
;; | block4 cold:
;; |     v32 = iconst.i32 0
;; |     return v32  ; v32 = 0
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
;; |     v15 = iconst.i64 2
;; |     v16 = ishl v14, v15  ; v15 = 2
;; |     v17 = iadd v9, v16
;; |     v18 = load.i32 notrap aligned readonly v17
;; |     v19 = icmp eq v18, v6
;; |     v20 = select v19, v7, v8  ; v7 = 0, v8 = 1
;; |     v21 = iconst.i32 0x6e78_9e6b
;; |     v22 = imul v6, v21  ; v21 = 0x6e78_9e6b
;; |     v23 = iconst.i32 28
;; |     v24 = ushr v22, v23  ; v23 = 28
;; |     v25 = uextend.i64 v24
;; |     v26 = iconst.i64 2
;; |     v27 = ishl v25, v26  ; v26 = 2
;; |     v28 = iadd v9, v27
;; |     v29 = load.i32 notrap aligned readonly v28
;; |     v30 = icmp eq v29, v6
;; |     v31 = select v30, v7, v20  ; v7 = 0
;; |     v32 = iconst.i32 0
;; |     v33 = icmp eq v31, v32  ; v32 = 0
;; |     v34 = iconst.i32 1
;; |     v35 = iconst.i32 0
;; |     v36 = select v33, v34, v35  ; v34 = 1, v35 = 0
;; |     return v36
;; |
;; | block2 cold:
;; |     v37 = iconst.i32 0
;; |     return v37  ; v37 = 0
;; | }
