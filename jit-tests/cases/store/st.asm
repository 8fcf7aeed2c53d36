; A goes into a scratch word, and stays in A.
        ld #5
        st M[3]
        add #1
        ldx M[3]
        mul x
        ret a
;; packet - => 30
