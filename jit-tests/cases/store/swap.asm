; A and X change places by way of scratch.
        ldb [0]
        tax
        ldb [1]
        st M[0]
        stx M[1]
        ldx M[0]
        ld M[1]
        sub x
        ret a
;; packet 0903 => 6
;; packet 0309 => 0xfffffffa
