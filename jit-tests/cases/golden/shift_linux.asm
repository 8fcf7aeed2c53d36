; A shift by X takes five bits of X.
;; dialects linux
        ld [0]
        tax
        lsh x
        ret a
;; packet 00000021 => 0x42
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 4
;; |     v5 = icmp uge v1, v4  ; v4 = 4
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = load.i32 notrap readonly little v0
;; |     v7 = bswap v6
;; |     v8 = iconst.i32 31
;; |     v9 = band v7, v8  ; v8 = 31
;; |     v10 = ishl v7, v9
;; |     return v10
;; |
;; | block2 cold:
;; |     v11 = iconst.i32 0
;; |     return v11  ; v11 = 0
;; | }
