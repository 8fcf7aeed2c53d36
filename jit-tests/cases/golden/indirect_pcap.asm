; X is widened to 64 bits, then k is added: nothing wraps.
;; dialects pcap
        ldxb 4*([0]&0xf)
        ldh [x + 2]
        ret a
;; packet 00 11 2233 => 0x2233
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
;; |     v12 = iconst.i64 4
;; |     v13 = iadd v11, v12  ; v12 = 4
;; |     v14 = icmp ule v13, v1
;; |     brif v14, block3, block2
;; |
;; | block3:
;; |     v15 = uextend.i64 v10
;; |     v16 = iadd.i64 v0, v15
;; |     v17 = load.i16 notrap readonly little v16+2
;; |     v18 = bswap v17
;; |     v19 = uextend.i32 v18
;; |     return v19
;; |
;; | block2 cold:
;; |     v20 = iconst.i32 0
;; |     return v20  ; v20 = 0
;; | }
