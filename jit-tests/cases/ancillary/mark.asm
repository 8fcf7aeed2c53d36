; The firewall mark, all 32 bits of it.
        ld mark
        add #1
        ret a
;; packet 00 with mark=0x80000001 => linux 0x80000002, pcap 0
;; packet 00 => linux 1, pcap 0
