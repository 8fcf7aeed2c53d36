; A place relative to a header: where that begins is read from the facts, and the sum wraps.
;; dialects linux
        ldb [0xfff00009]
        ret a
;; packet 00x9 11 => 0x11
;; graph build
;; | block0:
;; |     v2 = position of 0xfff00009
;; |     check v2 + 1 <= captured
;; |     v3 = load.byte [v2 + 0]
;; |     return v3
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i32 -1048567
;; |     v5 = load.i64 notrap aligned readonly v3+128
;; |     v6 = ireduce.i32 v5
;; |     v7 = iadd v4, v6  ; v4 = -1048567
;; |     v8 = uextend.i64 v7
;; |     v9 = iconst.i64 1
;; |     v10 = iadd v8, v9  ; v9 = 1
;; |     v11 = icmp ule v10, v1
;; |     brif v11, block1, block2
;; |
;; | block1:
;; |     v12 = uextend.i64 v7
;; |     v13 = iadd.i64 v0, v12
;; |     v14 = uload8.i32 notrap readonly little v13
;; |     return v14
;; |
;; | block2 cold:
;; |     v15 = iconst.i32 0
;; |     return v15  ; v15 = 0
;; | }
