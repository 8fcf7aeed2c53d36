; A scratch word comes back into X, all 32 bits of it; A stays.
        ld [0]
        st M[8]
        ld #1
        ldx M[8]
        xor x
        ret a
;; packet fedcba98 => 0xfedcba99
