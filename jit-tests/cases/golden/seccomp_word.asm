; A word of seccomp data in native byte order.
;; dialects seccomp
        ld [4]
        jeq #0x2a2a2a2a, same
        ret #0
same:   ret #1
;; packet 00x4 2ax4 00x56 => 1
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 8
;; |     v5 = icmp uge v1, v4  ; v4 = 8
;; |     brif v5, block3, block4
;; |
;; | block3:
;; |     v6 = load.i32 notrap readonly v0+4
;; |     v7 = iconst.i32 0x2a2a_2a2a
;; |     v8 = icmp eq v6, v7  ; v7 = 0x2a2a_2a2a
;; |     brif v8, block2, block1
;; |
;; | block1:
;; |     v9 = iconst.i32 0
;; |     return v9  ; v9 = 0
;; |
;; | block2:
;; |     v10 = iconst.i32 1
;; |     return v10  ; v10 = 1
;; |
;; | block4 cold:
;; |     v11 = iconst.i32 0
;; |     return v11  ; v11 = 0
;; | }
