; From one search to the next: the attribute behind the first of a type, and back to another type.
;; dialects linux
        ldx #1
        ld #4
        ld nla
        add #4
        ld nla
        st M[0]
        ldx #2
        ld #4
        ld nla
        lsh #8
        ldx M[0]
        or x
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 00000000 0400 0100 0400 0100 0400 0200 => 0xc08
;; packet 00000000 0400 0200 0400 0100 0400 0100 => 0x40c
;; packet 00000000 0400 0200 => 0x400
