; Every kind of load is accepted where nothing leads to it.
        ret #5
        ld [4096]
        ldh [0x80000000]
        ldb [x + 0x7fffffff]
        ldxb 4*([0]&0xf)
        ldx #len
        div x
        ret a
;; packet - => 5
