; The checksum of an IPv4 header without options: ten half words, summed, folded twice.
        ldh [14]
        tax
        ldh [16]
        add x
        tax
        ldh [18]
        add x
        tax
        ldh [20]
        add x
        tax
        ldh [22]
        add x
        tax
        ldh [24]
        add x
        tax
        ldh [26]
        add x
        tax
        ldh [28]
        add x
        tax
        ldh [30]
        add x
        tax
        ldh [32]
        add x
        tax
        and #0xffff
        st M[0]
        txa
        rsh #16
        ldx M[0]
        add x
        tax
        rsh #16
        add x
        and #0xffff
        jeq #0xffff, good
        ret #0
good:   ret #1
;; packet 020000000001020000000002080045000073000040004011b861c0a80001c0a800c7 => 1
;; packet 020000000001020000000002080045000073000040004011b860c0a80001c0a800c7 => 0
;; packet 0200000000010200000000020800450000730000400040110000c0a80001c0a800c7 => 0
;; packet 020000000001020000000002080045000073000040004011b861c0a80001c0a800 => 0
