; A shift by X where X is known when the program is compiled.
        ld #1
        ldx #33
        lsh x
        st M[0]
        ld #0x80000000
        ldx #63
        rsh x
        ldx M[0]
        add x
        add #16
        ret a
;; packet - => linux 19, pcap 16
