; A word at the end of the packet, and one past it.
        ld [4]
        ret a
;; packet 0000000001020304 => 0x01020304
;; packet 00000000010203 => 0
;; packet 0000000001020304 wire 1500 => 0x01020304
;; packet - => 0
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 8
;; |     v5 = icmp uge v1, v4  ; v4 = 8
;; |     brif v5, block1, block2
;; | 
;; | block1:
;; |     v6 = load.i32 notrap readonly little v0+4
;; |     v7 = bswap v6
;; |     return v7
;; | 
;; | block2 cold:
;; |     v8 = iconst.i32 0
;; |     return v8  ; v8 = 0
;; | }
