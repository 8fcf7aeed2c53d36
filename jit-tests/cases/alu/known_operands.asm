; Every operation on operands that are known when the program is compiled.
        ld #0xfffffff0
        ldx #3
        add #0x20
        sub #1
        mul #5
        div #2
        mod #30
        or #0x40
        and #0x7f
        xor #0x11
        lsh #3
        rsh #1
        neg
        add x
        mul x
        sub x
        div x
        lsh x
        rsh x
        ldx #1000
        mod x
        ldx #0x155
        or x
        ldx #0x3f3
        and x
        ldx #0xff000
        xor x
        ret a
;; packet - => 0xff353
