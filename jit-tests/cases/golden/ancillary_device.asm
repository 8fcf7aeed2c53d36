; An ancillary load that may be absent: if it is, A is the verdict.
;; dialects linux
        ldb [0]
        ld ifidx
        ret a
;; packet 05 => 5
;; packet 05 with device=9:1 => 9
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 1
;; |     v5 = icmp uge v1, v4  ; v4 = 1
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = uload8.i32 notrap readonly little v0
;; |     v7 = load.i64 notrap aligned readonly v3
;; |     v8 = load.i64 notrap aligned readonly v7+16
;; |     v9 = iconst.i64 -1
;; |     v10 = icmp ne v8, v9  ; v9 = -1
;; |     brif v10, block3, block4
;; |
;; | block4 cold:
;; |     return v6
;; |
;; | block3:
;; |     v11 = load.i64 notrap aligned readonly v3
;; |     v12 = load.i64 notrap aligned readonly v11+16
;; |     v13 = ireduce.i32 v12
;; |     return v13
;; |
;; | block2 cold:
;; |     v14 = iconst.i32 0
;; |     return v14  ; v14 = 0
;; | }
