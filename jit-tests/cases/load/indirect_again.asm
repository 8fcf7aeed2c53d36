; A second load at the same X, nearer and farther than the first.
        ldxb 4*([0]&0xf)
        ldh [x + 2]
        ldb [x + 0]
        st M[0]
        ldb [x + 4]
        ldx M[0]
        add x
        ret a
;; packet 01 aaaaaa 10bbcccc 05 => 0x15
;; packet 01 aaaaaa 10bbcccc => 0
;; packet 01 aaaaaa 10bbcc => 0
