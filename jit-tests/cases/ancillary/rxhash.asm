; The receive hash, all 32 bits of it.
        ld rxhash
        add #1
        ret a
;; packet 00 with rxhash=0xfffffffe => linux 0xffffffff, pcap 0
;; packet 00 => linux 1, pcap 0
