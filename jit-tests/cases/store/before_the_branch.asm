; A word stored before a branch is stored on both arms; one arm stores it again.
        ld #40
        st M[9]
        ldb [0]
        jgt #9, meet
        st M[9]
meet:   ld M[9]
        ret a
;; packet 09 => 9
;; packet 0a => 40
