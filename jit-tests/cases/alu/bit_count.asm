; How many bits of a word are set, by sums of ever wider fields.
        ld [0]
        rsh #1
        and #0x55555555
        tax
        ld [0]
        sub x
        st M[0]
        rsh #2
        and #0x33333333
        tax
        ld M[0]
        and #0x33333333
        add x
        st M[0]
        rsh #4
        ldx M[0]
        add x
        and #0x0f0f0f0f
        mul #0x01010101
        rsh #24
        ret a
;; packet 00000000 => 0
;; packet 80000001 => 2
;; packet deadbeef => 24
;; packet ffffffff => 32
