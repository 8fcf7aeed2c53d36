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
;; |     v13 = load.i8 notrap readonly little v0+23
;; |     v14 = uextend.i32 v13
;; |     v15 = iconst.i32 6
;; |     v16 = icmp eq v14, v15  ; v15 = 6
;; |     brif v16, block2, block5
;; |
;; | block2:
;; |     v17 = iconst.i64 15
;; |     v18 = icmp.i64 uge v1, v17  ; v17 = 15
;; |     brif v18, block9, block7
;; |
;; | block9:
;; |     v19 = load.i8 notrap readonly little v0+14
;; |     v20 = uextend.i32 v19
;; |     v21 = iconst.i32 15
;; |     v22 = band v20, v21  ; v21 = 15
;; |     v23 = iconst.i32 2
;; |     v24 = ishl v22, v23  ; v23 = 2
;; |     v25 = uextend.i64 v24
;; |     v26 = iconst.i64 16
;; |     v27 = iadd v25, v26  ; v26 = 16
;; |     v28 = icmp ule v27, v1
;; |     brif v28, block10, block7
;; |
;; | block10:
;; |     v29 = uextend.i64 v24
;; |     v30 = iadd.i64 v0, v29
;; |     v31 = load.i16 notrap readonly little v30+14
;; |     v32 = bswap v31
;; |     v33 = uextend.i32 v32
;; |     v34 = iconst.i32 22
;; |     v35 = icmp eq v33, v34  ; v34 = 22
;; |     brif v35, block5, block3
;; |
;; | block3:
;; |     v36 = uextend.i64 v24
;; |     v37 = iconst.i64 18
;; |     v38 = iadd v36, v37  ; v37 = 18
;; |     v39 = icmp ule v38, v1
;; |     brif v39, block11, block7
;; |
;; | block11:
;; |     v40 = uextend.i64 v24
;; |     v41 = iadd.i64 v0, v40
;; |     v42 = load.i16 notrap readonly little v41+16
;; |     v43 = bswap v42
;; |     v44 = uextend.i32 v43
;; |     v45 = iconst.i32 22
;; |     v46 = icmp eq v44, v45  ; v45 = 22
;; |     brif v46, block5, block4
;; |
;; | block4:
;; |     v47 = iconst.i32 0x0004_0000
;; |     return v47  ; v47 = 0x0004_0000
;; |
;; | block5:
;; |     v48 = iconst.i32 0
;; |     return v48  ; v48 = 0
;; |
;; | block7 cold:
;; |     v49 = iconst.i32 0
;; |     return v49  ; v49 = 0
;; | }
