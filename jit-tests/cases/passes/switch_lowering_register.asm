; Numbers less than 64 apart become the bits of a register. A test of a prefix of a number is a range of the number.
        ldh [0]
        jeq #1000, yes
        jeq #1004, yes
        jeq #1063, yes
        jeq #1001, yes
        ldh [2]
        jeq #1010, yes
        rsh #2
        jeq #250, yes
        ret #0
yes:    ret #1
;; packet 03e80000 => 1
;; packet 03e90000 => 1
;; packet 03ec0000 => 1
;; packet 04270000 => 1
;; packet 03e70000 => 0
;; packet 03ea0000 => 0
;; packet 04280000 => 0
;; packet ffff0000 => 0
;; packet 000003e8 => 1
;; packet 000003eb => 1
;; packet 000003f2 => 1
;; packet 000003ec => 0
;; packet 000003e7 => 0
;; packet 000003f3 => 0
;; packet 03e8 => 1
;; packet 03ea00 => 0
;; packet 03 => 0
;; graph value-propagation
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 == 0x3e8 then block6 else block1
;; | block1:
;; |     if v1 == 0x3ec then block6 else block2
;; | block2:
;; |     if v1 == 0x427 then block6 else block3
;; | block3:
;; |     if v1 == 0x3e9 then block6 else block4
;; | block4:
;; |     check 4 <= captured
;; |     v6 = load.half [2]
;; |     if v6 == 0x3f2 then block6 else block5
;; | block5:
;; |     v10 = v6 >> 0x2
;; |     if v10 == 0xfa then block6 else block7
;; | block6:
;; |     return 0x1
;; | block7:
;; |     return 0x0
;; graph switch-lowering
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 in 0x3e8 + bits 0x8000000000000013 then block2 else block1
;; | block1:
;; |     check 4 <= captured
;; |     v6 = load.half [2]
;; |     if v6 in 0x3e8 + bits 0x40f then block2 else block3
;; | block2:
;; |     return 0x1
;; | block3:
;; |     return 0x0
;; clif switch-lowering
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 2
;; |     v5 = icmp uge v1, v4  ; v4 = 2
;; |     brif v5, block4, block5
;; |
;; | block4:
;; |     v6 = load.i16 notrap readonly little v0
;; |     v7 = bswap v6
;; |     v8 = uextend.i32 v7
;; |     v9 = iconst.i32 -1000
;; |     v10 = iadd v8, v9  ; v9 = -1000
;; |     v11 = iconst.i64 -9223372036854775789
;; |     v12 = ushr v11, v10  ; v11 = -9223372036854775789
;; |     v13 = ireduce.i8 v12
;; |     v14 = iconst.i8 1
;; |     v15 = band v13, v14  ; v14 = 1
;; |     v16 = iconst.i32 64
;; |     v17 = icmp ult v10, v16  ; v16 = 64
;; |     v18 = band v15, v17
;; |     brif v18, block2, block6
;; |
;; | block6:
;; |     jump block1
;; |
;; | block1:
;; |     v19 = iconst.i64 4
;; |     v20 = icmp.i64 uge v1, v19  ; v19 = 4
;; |     brif v20, block7, block5
;; |
;; | block7:
;; |     v21 = load.i16 notrap readonly little v0+2
;; |     v22 = bswap v21
;; |     v23 = uextend.i32 v22
;; |     v24 = iconst.i32 -1000
;; |     v25 = iadd v23, v24  ; v24 = -1000
;; |     v26 = iconst.i64 1039
;; |     v27 = ushr v26, v25  ; v26 = 1039
;; |     v28 = ireduce.i8 v27
;; |     v29 = iconst.i8 1
;; |     v30 = band v28, v29  ; v29 = 1
;; |     v31 = iconst.i32 64
;; |     v32 = icmp ult v25, v31  ; v31 = 64
;; |     v33 = band v30, v32
;; |     brif v33, block2, block8
;; |
;; | block8:
;; |     jump block3
;; |
;; | block3:
;; |     v34 = iconst.i32 0
;; |     return v34  ; v34 = 0
;; |
;; | block2:
;; |     v35 = iconst.i32 1
;; |     return v35  ; v35 = 1
;; |
;; | block5 cold:
;; |     v36 = iconst.i32 0
;; |     return v36  ; v36 = 0
;; | }
