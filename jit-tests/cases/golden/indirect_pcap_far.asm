; An offset that exceeds the field of an address.
;; dialects pcap
        ldxb 4*([0]&0xf)
        ldb [x + 0xfffffff0]
        ret a
;; packet 01 112233 => 0
;; clif build
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 1
;; |     v5 = icmp uge v1, v4  ; v4 = 1
;; |     brif v5, block1, block2
;; |
;; | block1:
;; |     v6 = uload8.i32 notrap readonly little v0
;; |     v7 = iconst.i32 15
;; |     v8 = band v6, v7  ; v7 = 15
;; |     v9 = iconst.i32 2
;; |     v10 = ishl v8, v9  ; v9 = 2
;; |     v11 = uextend.i64 v10
;; |     v12 = iconst.i64 0xffff_fff1
;; |     v13 = iadd v11, v12  ; v12 = 0xffff_fff1
;; |     v14 = icmp ule v13, v1
;; |     brif v14, block3, block2
;; |
;; | block3:
;; |     v15 = uextend.i64 v10
;; |     v16 = iadd.i64 v0, v15
;; |     v17 = iconst.i64 0xffff_fff0
;; |     v18 = iadd v16, v17  ; v17 = 0xffff_fff0
;; |     v19 = uload8.i32 notrap readonly little v18
;; |     return v19
;; |
;; | block2 cold:
;; |     v20 = iconst.i32 0
;; |     return v20  ; v20 = 0
;; | }
