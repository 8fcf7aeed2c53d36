; The payload offset is also left to a function; two loads of it take one call.
;; dialects linux
        ldb poff
        tax
        ld poff
        sub x
        ldb [x + 0]
        ret a
;; packet 07 => 7
;; graph build
;; | block0:
;; |     v1 = poff
;; |     check v1 + 1 <= captured
;; |     v2 = load.byte [v1 + 0]
;; |     return v2
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; |     sig0 = (i64, i64, i32, i64) -> i32 system_v
;; |
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = load.i64 notrap aligned readonly v3
;; |     v5 = load.i64 notrap aligned readonly v4+104
;; |     v6 = call_indirect sig0, v5(v0, v1, v2, v3)
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
