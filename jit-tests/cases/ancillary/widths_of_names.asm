; Byte and half word loads of numbers that are wider.
        ldb rxhash
        tax
        ldh mark
        add x
        ret a
;; packet 00 with rxhash=0x10000000 mark=0x00020003 => linux 0x10020003, pcap 0
