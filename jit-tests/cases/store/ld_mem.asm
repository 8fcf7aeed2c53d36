; A scratch word comes back into A, all 32 bits of it; X stays.
        ldx #1
        ld [0]
        st M[7]
        ld #0
        ld M[7]
        xor x
        ret a
;; packet fedcba98 => 0xfedcba99
