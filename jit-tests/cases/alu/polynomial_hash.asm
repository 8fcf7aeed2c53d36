; A hash over four bytes: every step multiplies and adds.
        ldb [3]
        st M[0]
        ldb [0]
        mul #31
        tax
        ldb [1]
        add x
        mul #31
        tax
        ldb [2]
        add x
        mul #31
        ldx M[0]
        add x
        ret a
;; packet 01000000 => 29791
;; packet 61626364 => 2987074
;; packet 616263 => 0
