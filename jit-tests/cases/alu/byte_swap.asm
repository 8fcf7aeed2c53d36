; The bytes of a word in reverse, by shifts and masks.
        ld [0]
        lsh #24
        st M[0]
        ld [0]
        and #0xff00
        lsh #8
        ldx M[0]
        or x
        st M[0]
        ld [0]
        rsh #8
        and #0xff00
        ldx M[0]
        or x
        tax
        ld [0]
        rsh #24
        or x
        ret a
;; packet 01020304 => 0x04030201
;; packet fedcba98 => 0x98badcfe
