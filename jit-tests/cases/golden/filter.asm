; The whole of `ip and not port 22` over TCP.
        ldh [12]
        jne #0x800, drop
        ldb [23]
        jne #6, drop
        ldxb 4*([14]&0xf)
        ldh [x + 14]
        jeq #22, drop
        ldh [x + 16]
        jeq #22, drop
        ret #262144
drop:   ret #0
;; packet 00x12 0800 45 00x8 06 00x10 0016 0050 => 0
;; packet 00x12 0800 45 00x8 06 00x10 0017 0050 => 262144
;; packet 00x12 0800 45 00x8 06 00x10 0017 00 => 0
;; packet 00x12 0806 => 0
;; clif
;; | function u0:0(i64, i64, i32, i64) -> i32 system_v {
;; | block0(v0: i64, v1: i64, v2: i32, v3: i64):
;; |     v4 = iconst.i64 24
;; |     v5 = icmp uge v1, v4  ; v4 = 24
;; |     brif v5, block1, block3
;; |
;; | block1:
;; |     v6 = uload8.i32 notrap readonly little v0+14
;; |     v7 = iconst.i32 15
;; |     v8 = band v6, v7  ; v7 = 15
;; |     v9 = iconst.i32 2
;; |     v10 = ishl v8, v9  ; v9 = 2
;; |     v11 = uextend.i64 v10
;; |     v12 = iconst.i64 18
;; |     v13 = iadd v11, v12  ; v12 = 18
;; |     v14 = icmp ule v13, v1
;; |     brif v14, block2, block3
;; |
;; | block2:
;; |     v15 = uextend.i64 v10
;; |     v16 = iadd.i64 v0, v15
;; |     v17 = uload16.i32 notrap readonly v16+14
;; |     v18 = uextend.i64 v10
;; |     v19 = iadd.i64 v0, v18
;; |     v20 = uload16.i32 notrap readonly v19+16
;; |     v21 = iconst.i32 5632
;; |     v22 = icmp eq v20, v21  ; v21 = 5632
;; |     v23 = iconst.i32 1
;; |     v24 = iconst.i32 0
;; |     v25 = select v22, v23, v24  ; v23 = 1, v24 = 0
;; |     v26 = iconst.i32 5632
;; |     v27 = icmp eq v17, v26  ; v26 = 5632
;; |     v28 = iconst.i32 1
;; |     v29 = select v27, v28, v25  ; v28 = 1
;; |     v30 = uload8.i32 notrap readonly little v0+23
;; |     v31 = iconst.i32 6
;; |     v32 = bxor v30, v31  ; v31 = 6
;; |     v33 = bor v29, v32
;; |     v34 = uload16.i32 notrap readonly v0+12
;; |     v35 = iconst.i32 8
;; |     v36 = bxor v34, v35  ; v35 = 8
;; |     v37 = bor v33, v36
;; |     v38 = iconst.i32 0
;; |     v39 = icmp eq v37, v38  ; v38 = 0
;; |     v40 = iconst.i32 0x0004_0000
;; |     v41 = iconst.i32 0
;; |     v42 = select v39, v40, v41  ; v40 = 0x0004_0000, v41 = 0
;; |     return v42
;; |
;; | block3 cold:
;; |     v43 = iconst.i32 0
;; |     return v43  ; v43 = 0
;; | }
