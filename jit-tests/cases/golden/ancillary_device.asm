; A fact that may be absent: without it, A is the verdict.
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
;; |     v7 = load.i64 notrap aligned readonly v3+16
;; |     v8 = iconst.i64 -1
;; |     v9 = icmp ne v7, v8  ; v8 = -1
;; |     brif v9, block3, block4
;; |
;; | block4 cold:
;; |     return v6
;; |
;; | block3:
;; |     v10 = load.i64 notrap aligned readonly v3+16
;; |     v11 = ireduce.i32 v10
;; |     return v11
;; |
;; | block2 cold:
;; |     v12 = iconst.i32 0
;; |     return v12  ; v12 = 0
;; | }
