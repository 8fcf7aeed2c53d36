; All arithmetic that seccomp accepts, with k and with X.
;; dialects seccomp
        ldx #3
        ld [0]
        add #1
        add x
        sub #2
        sub x
        mul #5
        mul x
        div #2
        div x
        or #0x100
        or x
        xor #0x200
        xor x
        lsh #2
        lsh x
        rsh #1
        rsh x
        neg
        ldx #0xfff0ffff
        and #0x0fffffff
        and x
        ret a
;; packet 00x64 => 0xaa0acb0
;; packet 11x4 00x60 => 0xaa0acb0
