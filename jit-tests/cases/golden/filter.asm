; `ip and not port 22` over TCP, as a whole.
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
;; |     v4 = iconst.i64 14
;; |     v5 = icmp uge v1, v4  ; v4 = 14
;; |     brif v5, block6, block7
;; |
;; | block6:
;; |     v6 = load.i16 notrap readonly little v0+12
;; |     v7 = bswap v6
;; |     v8 = uextend.i32 v7
;; |     v9 = iconst.i32 2048
;; |     v10 = icmp eq v8, v9  ; v9 = 2048
;; |     brif v10, block1, block5
;; |
;; | block1:
;; |     v11 = iconst.i64 24
;; |     v12 = icmp.i64 uge v1, v11  ; v11 = 24
;; |     brif v12, block8, block7
;; |
;; | block8:
;; |     v13 = uload8.i32 notrap readonly little v0+23
;; |     v14 = iconst.i32 6
;; |     v15 = icmp eq v13, v14  ; v14 = 6
;; |     brif v15, block2, block5
;; |
;; | block2:
;; |     v16 = iconst.i64 15
;; |     v17 = icmp.i64 uge v1, v16  ; v16 = 15
;; |     brif v17, block9, block7
;; |
;; | block9:
;; |     v18 = uload8.i32 notrap readonly little v0+14
;; |     v19 = iconst.i32 15
;; |     v20 = band v18, v19  ; v19 = 15
;; |     v21 = iconst.i32 2
;; |     v22 = ishl v20, v21  ; v21 = 2
;; |     v23 = uextend.i64 v22
;; |     v24 = iconst.i64 16
;; |     v25 = iadd v23, v24  ; v24 = 16
;; |     v26 = icmp ule v25, v1
;; |     brif v26, block10, block7
;; |
;; | block10:
;; |     v27 = uextend.i64 v22
;; |     v28 = iadd.i64 v0, v27
;; |     v29 = load.i16 notrap readonly little v28+14
;; |     v30 = bswap v29
;; |     v31 = uextend.i32 v30
;; |     v32 = iconst.i32 22
;; |     v33 = icmp eq v31, v32  ; v32 = 22
;; |     brif v33, block5, block3
;; |
;; | block3:
;; |     v34 = uextend.i64 v22
;; |     v35 = iconst.i64 18
;; |     v36 = iadd v34, v35  ; v35 = 18
;; |     v37 = icmp ule v36, v1
;; |     brif v37, block11, block7
;; |
;; | block11:
;; |     v38 = uextend.i64 v22
;; |     v39 = iadd.i64 v0, v38
;; |     v40 = load.i16 notrap readonly little v39+16
;; |     v41 = bswap v40
;; |     v42 = uextend.i32 v41
;; |     v43 = iconst.i32 22
;; |     v44 = icmp eq v42, v43  ; v43 = 22
;; |     brif v44, block5, block4
;; |
;; | block4:
;; |     v45 = iconst.i32 0x0004_0000
;; |     return v45  ; v45 = 0x0004_0000
;; |
;; | block5:
;; |     v46 = iconst.i32 0
;; |     return v46  ; v46 = 0
;; |
;; | block7 cold:
;; |     v47 = iconst.i32 0
;; |     return v47  ; v47 = 0
;; | }
