; Numbers below 1,024 are looked up in a table with a byte each; the last byte, 0, is for larger numbers.
        ldh [0]
        jeq #5, yes
        jeq #80, yes
        jeq #443, yes
        jeq #993, yes
        ret #0
yes:    ret #1
;; packet 0005 => 1
;; packet 0050 => 1
;; packet 01bb => 1
;; packet 03e1 => 1
;; packet 0004 => 0
;; packet 03e0 => 0
;; packet 03e2 => 0
;; packet 03e3 => 0
;; packet ffff => 0
;; packet 03 => 0
;; graph switch-lowering
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.half [0]
;; |     if v1 in a table of 995 bytes then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     return 0x0
;; clif switch-lowering
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; |     gv0 = symbol colocated userextname0
;; |
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 2
;; |     v5 = icmp uge v1, v4  ; v4 = 2
;; |     brif v5, block3, block4
;; |
;; | block3:
;; |     v6 = load.i16 notrap readonly little v0
;; |     v7 = bswap v6
;; |     v8 = uextend.i32 v7
;; |     v9 = iconst.i32 994
;; |     v10 = icmp ult v8, v9  ; v9 = 994
;; |     v11 = select v10, v8, v9  ; v9 = 994
;; |     v12 = symbol_value.i64 gv0
;; |     v13 = uextend.i64 v11
;; |     v14 = iconst.i64 0
;; |     v15 = ishl v13, v14  ; v14 = 0
;; |     v16 = iadd v12, v15
;; |     v17 = load.i8 notrap aligned readonly v16
;; |     brif v17, block1, block5
;; |
;; | block5:
;; |     jump block2
;; |
;; | block1:
;; |     v18 = iconst.i32 1
;; |     return v18  ; v18 = 1
;; |
;; | block2:
;; |     v19 = iconst.i32 0
;; |     return v19  ; v19 = 0
;; |
;; | block4 cold:
;; |     v20 = iconst.i32 0
;; |     return v20  ; v20 = 0
;; | }
