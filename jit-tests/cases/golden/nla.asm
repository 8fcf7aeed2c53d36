; A search is left to a function, whose address is in the context data.
;; dialects linux
        ldx #3
        ld #16
        ld nla
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 00x16 0400 0300 => 16
;; graph build
;; | block0:
;; |     v3 = nla 0x3 from 0x10
;; |     return v3
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; |     sig0 = (i64, i64, i32, i32) -> i32 system_v
;; |
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i32 16
;; |     v5 = iconst.i32 3
;; |     v6 = load.i64 notrap aligned readonly v3
;; |     v7 = load.i64 notrap aligned readonly v6+24
;; |     v8 = call_indirect sig0, v7(v0, v1, v4, v5)  ; v4 = 16, v5 = 3
;; |     return v8
;; | }
