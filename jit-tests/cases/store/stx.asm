; X goes into a scratch word, and stays in X.
        ldx #5
        stx M[15]
        ld M[15]
        add x
        ret a
;; packet - => 10
