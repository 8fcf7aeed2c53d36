; An offset relative to a header: the start of the header is a context input, and the sum wraps.
;; dialects linux
        ldb [0xfff00009]
        ret a
;; packet 00x9 11 => 0x11
;; graph build
;; | block0:
;; |     v2 = resolve 0xfff00009
;; |     check v2 + 1 <= captured
;; |     v3 = load.byte [v2 + 0]
;; |     return v3
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i32 -1048567
;; |     v5 = load.i32 notrap aligned readonly v3+8
;; |     v6 = iadd v4, v5  ; v4 = -1048567
;; |     v7 = uextend.i64 v6
;; |     v8 = iconst.i64 1
;; |     v9 = iadd v7, v8  ; v8 = 1
;; |     v10 = icmp ule v9, v1
;; |     brif v10, block1, block2
;; |
;; | block1:
;; |     v11 = uextend.i64 v6
;; |     v12 = iadd.i64 v0, v11
;; |     v13 = uload8.i32 notrap readonly little v12
;; |     return v13
;; |
;; | block2 cold:
;; |     v14 = iconst.i32 0
;; |     return v14  ; v14 = 0
;; | }
