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
;; |     v25 = iconst.i32 14
;; |     v26 = iadd v24, v25  ; v25 = 14
;; |     v27 = uextend.i64 v26
;; |     v28 = iconst.i64 2
;; |     v29 = iadd v27, v28  ; v28 = 2
;; |     v30 = icmp ule v29, v1
;; |     brif v30, block10, block7
;; |
;; | block10:
;; |     v31 = uextend.i64 v26
;; |     v32 = iadd.i64 v0, v31
;; |     v33 = load.i16 notrap readonly little v32
;; |     v34 = bswap v33
;; |     v35 = uextend.i32 v34
;; |     v36 = iconst.i32 22
;; |     v37 = icmp eq v35, v36  ; v36 = 22
;; |     brif v37, block5, block3
;; |
;; | block3:
;; |     v38 = iconst.i32 16
;; |     v39 = iadd.i32 v24, v38  ; v38 = 16
;; |     v40 = uextend.i64 v39
;; |     v41 = iconst.i64 2
;; |     v42 = iadd v40, v41  ; v41 = 2
;; |     v43 = icmp ule v42, v1
;; |     brif v43, block11, block7
;; |
;; | block11:
;; |     v44 = uextend.i64 v39
;; |     v45 = iadd.i64 v0, v44
;; |     v46 = load.i16 notrap readonly little v45
;; |     v47 = bswap v46
;; |     v48 = uextend.i32 v47
;; |     v49 = iconst.i32 22
;; |     v50 = icmp eq v48, v49  ; v49 = 22
;; |     brif v50, block5, block4
;; |
;; | block4:
;; |     v51 = iconst.i32 0x0004_0000
;; |     return v51  ; v51 = 0x0004_0000
;; |
;; | block5:
;; |     v52 = iconst.i32 0
;; |     return v52  ; v52 = 0
;; |
;; | block7 cold:
;; |     v53 = iconst.i32 0
;; |     return v53  ; v53 = 0
;; | }
