; What computes the operand in X stays.
        ldx #5
        ldb [0]
        and #0xf
        tax
        ldb [1]
        add x
        ret a
;; packet 1122 => 0x23
