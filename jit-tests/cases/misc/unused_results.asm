; Values that nobody uses, and loads that nobody uses but that end the program all the same.
        ld #1
        add #2
        ldx #len
        stx M[3]
        ldxb 4*([2]&0xf)
        ldb [5]
        ret #7
;; packet 00x6 => 7
;; packet 00x5 => 0
;; packet 00x2 => 0
