; So is the offset of the payload; asked for twice, it is found once.
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
;; |     v4 = load.i64 notrap aligned readonly v3+104
;; |     v5 = call_indirect sig0, v4(v0, v1, v2, v3)
;; |     v6 = uextend.i64 v5
;; |     v7 = iconst.i64 1
;; |     v8 = iadd v6, v7  ; v7 = 1
;; |     v9 = icmp ule v8, v1
;; |     brif v9, block1, block2
;; |
;; | block1:
;; |     v10 = uextend.i64 v5
;; |     v11 = iadd.i64 v0, v10
;; |     v12 = uload8.i32 notrap readonly little v11
;; |     return v12
;; |
;; | block2 cold:
;; |     v13 = iconst.i32 0
;; |     return v13  ; v13 = 0
;; | }
