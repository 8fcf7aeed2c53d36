; An offset that the field of an address does not hold.
;; dialects pcap
        ldxb 4*([0]&0xf)
        ldb [x + 0xfffffff0]
        ret a
;; packet 01 112233 => 0
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 1
;; |     v5 = icmp uge v1, v4  ; v4 = 1
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = load.i8 notrap readonly little v0
;; |     v7 = uextend.i32 v6
;; |     v8 = iconst.i32 15
;; |     v9 = band v7, v8  ; v8 = 15
;; |     v10 = iconst.i32 2
;; |     v11 = ishl v9, v10  ; v10 = 2
;; |     v12 = uextend.i64 v11
;; |     v13 = iconst.i64 0xffff_fff1
;; |     v14 = iadd v12, v13  ; v13 = 0xffff_fff1
;; |     v15 = icmp ule v14, v1
;; |     brif v15, block3, block2
;; |
;; | block3:
;; |     v16 = uextend.i64 v11
;; |     v17 = iadd.i64 v0, v16
;; |     v18 = iconst.i64 0xffff_fff0
;; |     v19 = iadd v17, v18  ; v18 = 0xffff_fff0
;; |     v20 = load.i8 notrap readonly little v19
;; |     v21 = uextend.i32 v20
;; |     return v21
;; |
;; | block2 cold:
;; |     v22 = iconst.i32 0
;; |     return v22  ; v22 = 0
;; | }
