; A shift by X of 32 and more is 0.
;; dialects pcap
        ld [0]
        tax
        ld #-1
        rsh x
        ret a
;; packet 00000004 => 0x0fffffff
;; packet 00000021 => 0
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
;; |     v8 = iconst.i32 -1
;; |     v9 = ushr v8, v7  ; v8 = -1
;; |     v10 = iconst.i32 32
;; |     v11 = icmp ult v7, v10  ; v10 = 32
;; |     v12 = iconst.i32 0
;; |     v13 = select v11, v9, v12  ; v12 = 0
;; |     return v13
;; |
;; | block2 cold:
;; |     v14 = iconst.i32 0
;; |     return v14  ; v14 = 0
;; | }
