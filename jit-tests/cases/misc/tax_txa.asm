; X keeps A while A is used for something else.
        ldb [0]
        tax
        ldb [1]
        st M[0]
        txa
        lsh #8
        ldx M[0]
        or x
        ret a
;; packet abcd => 0xabcd
