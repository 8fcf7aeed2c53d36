; A, X and a scratch word, each different behind each of three arms.
        ldb [0]
        jeq #1, one
        jeq #2, two
        ldx #1
        stx M[0]
        ldx #2
        ld #4
        jmp meet
one:    ldx #16
        stx M[0]
        ldx #32
        ld #64
        jmp meet
two:    st M[0]
        tax
meet:   add x
        ldx M[0]
        add x
        ret a
;; packet 00 => 7
;; packet 01 => 112
;; packet 02 => 6
