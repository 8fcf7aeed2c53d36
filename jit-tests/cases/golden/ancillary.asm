; An ancillary load that is always present needs no check.
;; dialects linux
        ld mark
        ret a
;; packet 00 with mark=9 => 9
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = load.i64 notrap aligned readonly v3
;; |     v5 = load.i64 notrap aligned readonly v4+40
;; |     v6 = ireduce.i32 v5
;; |     return v6
;; | }
