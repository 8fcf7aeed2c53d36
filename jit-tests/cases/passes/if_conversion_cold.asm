; Packets that are too short for one of the guards take the branches, the cold path: they may be kept.
        ldb [0]
        jeq #1, keep
        ldb [9]
        jne #6, drop
        ldxb 4*([0]&0xf)
        ldh [x + 2]
        jeq #80, keep
drop:   ret #0
keep:   ret #1
;; packet 01 => 1
;; packet 01 00x30 => 1
;; packet 45 00x8 06 00x12 0050 => 1
;; packet 45 00x8 06 00x12 0051 => 0
;; packet 45 00x8 06 00x12 00 => 0
;; packet 45 00x8 11 00x12 00 => 0
;; packet 4f 00x8 06 00x52 0050 => 1
;; packet 4f 00x8 06 00x52 00 => 0
;; packet 45 00x8 => 0
;; packet 01 00x8 06 => 1
;; packet - => 0
;; graph byte-swap-folding
;; | block0:
;; |     check 1 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 == 0x1 then block3 else block1
;; | block1:
;; |     check 10 <= captured
;; |     v3 = load.byte [9]
;; |     if v3 == 0x6 then block2 else block4
;; | block2:
;; |     v6 = v1 & 0xf
;; |     v8 = v6 << 0x2
;; |     check v8 + 4 <= captured
;; |     v12 = load.half.native [v8 + 2]
;; |     if v12 == 0x5000 then block3 else block4
;; | block3:
;; |     return 0x1
;; | block4:
;; |     return 0x0
;; graph if-conversion
;; | block0:
;; |     if 10 <= captured then block1 else block3
;; | block1:
;; |     v1 = load.byte [0]
;; |     v6 = v1 & 0xf
;; |     v8 = v6 << 0x2
;; |     if v8 + 4 <= captured then block2 else block3
;; | block2:
;; |     v12 = load.half.native [v8 + 2]
;; |     v14 = v12 ^ 0x5000
;; |     v3 = load.byte [9]
;; |     v15 = v3 ^ 0x6
;; |     v16 = v14 | v15
;; |     v17 = if v1 == 0x1 then 0x0 else v16
;; |     v18 = if v17 == 0x0 then 0x1 else 0x0
;; |     return v18
;; | block3 cold:
;; |     check 1 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 == 0x1 then block6 else block4
;; | block4 cold:
;; |     check 10 <= captured
;; |     v3 = load.byte [9]
;; |     if v3 == 0x6 then block5 else block7
;; | block5 cold:
;; |     v6 = v1 & 0xf
;; |     v8 = v6 << 0x2
;; |     check v8 + 4 <= captured
;; |     v12 = load.half.native [v8 + 2]
;; |     if v12 == 0x5000 then block6 else block7
;; | block6 cold:
;; |     return 0x1
;; | block7 cold:
;; |     return 0x0
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 10
;; |     v5 = icmp uge v1, v4  ; v4 = 10
;; |     brif v5, block1, block3
;; |
;; | block1:
;; |     v6 = uload8.i32 notrap readonly little v0
;; |     v7 = iconst.i32 15
;; |     v8 = band v6, v7  ; v7 = 15
;; |     v9 = iconst.i32 2
;; |     v10 = ishl v8, v9  ; v9 = 2
;; |     v11 = uextend.i64 v10
;; |     v12 = iconst.i64 4
;; |     v13 = iadd v11, v12  ; v12 = 4
;; |     v14 = icmp ule v13, v1
;; |     brif v14, block2, block3
;; |
;; | block2:
;; |     v15 = uextend.i64 v10
;; |     v16 = iadd.i64 v0, v15
;; |     v17 = uload16.i32 notrap readonly v16+2
;; |     v18 = iconst.i32 0x5000
;; |     v19 = bxor v17, v18  ; v18 = 0x5000
;; |     v20 = uload8.i32 notrap readonly little v0+9
;; |     v21 = iconst.i32 6
;; |     v22 = bxor v20, v21  ; v21 = 6
;; |     v23 = bor v19, v22
;; |     v24 = iconst.i32 1
;; |     v25 = icmp.i32 eq v6, v24  ; v24 = 1
;; |     v26 = iconst.i32 0
;; |     v27 = select v25, v26, v23  ; v26 = 0
;; |     v28 = iconst.i32 0
;; |     v29 = icmp eq v27, v28  ; v28 = 0
;; |     v30 = iconst.i32 1
;; |     v31 = iconst.i32 0
;; |     v32 = select v29, v30, v31  ; v30 = 1, v31 = 0
;; |     return v32
;; |
;; | block3 cold:
;; |     v33 = iconst.i64 1
;; |     v34 = icmp.i64 uge v1, v33  ; v33 = 1
;; |     brif v34, block8, block7
;; |
;; | block8 cold:
;; |     v35 = uload8.i32 notrap readonly little v0
;; |     v36 = iconst.i32 1
;; |     v37 = icmp eq v35, v36  ; v36 = 1
;; |     brif v37, block6, block4
;; |
;; | block4 cold:
;; |     v38 = iconst.i64 10
;; |     v39 = icmp.i64 uge v1, v38  ; v38 = 10
;; |     brif v39, block9, block7
;; |
;; | block9 cold:
;; |     v40 = uload8.i32 notrap readonly little v0+9
;; |     v41 = iconst.i32 6
;; |     v42 = icmp eq v40, v41  ; v41 = 6
;; |     brif v42, block5, block7
;; |
;; | block5 cold:
;; |     v43 = iconst.i32 15
;; |     v44 = band.i32 v35, v43  ; v43 = 15
;; |     v45 = iconst.i32 2
;; |     v46 = ishl v44, v45  ; v45 = 2
;; |     v47 = uextend.i64 v46
;; |     v48 = iconst.i64 4
;; |     v49 = iadd v47, v48  ; v48 = 4
;; |     v50 = icmp ule v49, v1
;; |     brif v50, block10, block7
;; |
;; | block10 cold:
;; |     v51 = uextend.i64 v46
;; |     v52 = iadd.i64 v0, v51
;; |     v53 = uload16.i32 notrap readonly v52+2
;; |     v54 = iconst.i32 0x5000
;; |     v55 = icmp eq v53, v54  ; v54 = 0x5000
;; |     brif v55, block6, block7
;; |
;; | block7 cold:
;; |     v56 = iconst.i32 0
;; |     return v56  ; v56 = 0
;; |
;; | block6 cold:
;; |     v57 = iconst.i32 1
;; |     return v57  ; v57 = 1
;; | }
