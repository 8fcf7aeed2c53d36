; All moves that seccomp accepts: constants, scratch, the length, and between A and X.
;; dialects seccomp
        ldx #0x01010101
        stx M[0]
        ld [0]
        st M[1]
        ldx #len
        txa
        ldx M[0]
        add x
        tax
        ld M[1]
        add x
        ret a
;; packet 02x4 00x60 => 0x03030343
