; Multiplied by 0, anything is 0; by 1, it stays; by -1, it is negated.
        ld [0]
        mul #1
        mul #-1
        st M[0]
        mul #0
        ldx M[0]
        add x
        ret a
;; packet 00000005 => 0xfffffffb
;; packet 80000000 => 0x80000000
