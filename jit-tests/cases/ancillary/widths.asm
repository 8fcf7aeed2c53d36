; An ancillary load with W, H and B loads the same.
        ld mark
        st M[0]
        ldh mark
        ldx M[0]
        sub x
        st M[1]
        ldb mark
        sub x
        ldx M[1]
        or x
        add #1
        ret a
;; packet 00 with mark=0x12345678 => linux 1, pcap 0
;; packet 00 => linux 1, pcap 0
