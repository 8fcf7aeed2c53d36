; A load past the end gives verdict 0, whatever A is.
        ld #7
        st M[0]
        ldb [4]
        ld M[0]
        ret a
;; packet 00x5 => 7
;; packet 00x4 => 0
