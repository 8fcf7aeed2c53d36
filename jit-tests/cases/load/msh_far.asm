; `4*([k]&0xf)` at offsets around 2^31, and up to the ones relative to headers, is past the end.
        ldb [0]
        jeq #1, o1
        jeq #2, o2
        jeq #3, o3
        ret #9
o1:     ldxb 4*([0x7fffffff]&0xf)
        ret #1
o2:     ldxb 4*([0x80000000]&0xf)
        ret #1
o3:     ldxb 4*([0xffdfffff]&0xf)
        ret #1
;; packet 00000000 => 9
;; packet 01000000 => 0
;; packet 02000000 => 0
;; packet 03000000 => 0
