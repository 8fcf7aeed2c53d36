; Loads of one block at increasing offsets.
        ldb [0]
        tax
        ldh [2]
        add x
        tax
        ld [4]
        add x
        ret a
;; packet 0100000200000003 => 6
;; packet 01000002000000 => 0
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 1
;; |     v5 = icmp uge v1, v4  ; v4 = 1
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = iconst.i64 4
;; |     v7 = icmp.i64 uge v1, v6  ; v6 = 4
;; |     brif v7, block3, block2
;; |
;; | block3:
;; |     v8 = iconst.i64 8
;; |     v9 = icmp.i64 uge v1, v8  ; v8 = 8
;; |     brif v9, block4, block2
;; |
;; | block4:
;; |     v10 = uload8.i32 notrap readonly little v0
;; |     v11 = load.i16 notrap readonly little v0+2
;; |     v12 = bswap v11
;; |     v13 = uextend.i32 v12
;; |     v14 = iadd v10, v13
;; |     v15 = load.i32 notrap readonly little v0+4
;; |     v16 = bswap v15
;; |     v17 = iadd v14, v16
;; |     return v17
;; |
;; | block2 cold:
;; |     v18 = iconst.i32 0
;; |     return v18  ; v18 = 0
;; | }
