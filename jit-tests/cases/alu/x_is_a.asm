; Both operands are the same value.
        ld [0]
        tax
        xor x
        st M[0]
        txa
        sub x
        st M[1]
        txa
        div x
        add x
        ldx M[0]
        add x
        ldx M[1]
        add x
        ret a
;; packet 00000005 => 6
;; packet ffffffff => 0
;; packet 00000000 => 0
