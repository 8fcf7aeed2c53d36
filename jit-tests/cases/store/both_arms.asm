; A word stored on both arms of a branch holds what the arm that was taken stored.
        ldb [0]
        jeq #1, one
        ld #20
        st M[5]
        jmp meet
one:    ldx #10
        stx M[5]
meet:   ld M[5]
        ret a
;; packet 00 => 20
;; packet 01 => 10
