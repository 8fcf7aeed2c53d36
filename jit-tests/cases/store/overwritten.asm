; The last store counts.
        ldx #1
        stx M[2]
        ld #2
        st M[2]
        ldx #3
        stx M[2]
        ld M[2]
        ret a
;; packet - => 3
