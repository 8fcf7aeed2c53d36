; A = X, and X stays.
        ldx #0x80000001
        ld #5
        txa
        xor #1
        or x
        ret a
;; packet - => 0x80000001
