; If X is not known, the code tests at run time whether X + k is relative to a header.
;; dialects linux
        ld [0]
        tax
        ldb [x + 2]
        ret a
;; packet 00000004 0000 07 => 7
;; graph build
;; | block0:
;; |     check 4 <= captured
;; |     v1 = load.word [0]
;; |     v3 = v1 + 0x2
;; |     v4 = resolve v3
;; |     check v4 + 1 <= captured
;; |     v5 = load.byte [v4 + 0]
;; |     return v5
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 4
;; |     v5 = icmp uge v1, v4  ; v4 = 4
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = load.i32 notrap readonly little v0
;; |     v7 = bswap v6
;; |     v8 = iconst.i32 2
;; |     v9 = iadd v7, v8  ; v8 = 2
;; |     v11 = iconst.i32 -2097152
;; |     v12 = icmp ult v9, v11  ; v11 = -2097152
;; |     brif v12, block4(v9), block3
;; |
;; | block3 cold:
;; |     v13 = load.i32 notrap aligned readonly v3+8
;; |     v14 = load.i32 notrap aligned readonly v3+12
;; |     v15 = iconst.i32 -1048576
;; |     v16 = icmp.i32 uge v9, v15  ; v15 = -1048576
;; |     v17 = select v16, v13, v14
;; |     v18 = iadd.i32 v9, v17
;; |     jump block4(v18)
;; |
;; | block4(v10: i32):
;; |     v19 = uextend.i64 v10
;; |     v20 = iconst.i64 1
;; |     v21 = iadd v19, v20  ; v20 = 1
;; |     v22 = icmp ule v21, v1
;; |     brif v22, block5, block2
;; |
;; | block5:
;; |     v23 = uextend.i64 v10
;; |     v24 = iadd.i64 v0, v23
;; |     v25 = uload8.i32 notrap readonly little v24
;; |     return v25
;; |
;; | block2 cold:
;; |     v26 = iconst.i32 0
;; |     return v26  ; v26 = 0
;; | }
