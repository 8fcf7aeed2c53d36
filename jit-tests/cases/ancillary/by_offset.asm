; An ancillary load is an absolute load from 0xfffff000 on.
        ld [0xfffff014]
        tax
        ldh [0xfffff018]
        add x
        ret a
;; packet 00 with mark=0x10000 queue=7 => linux 0x10007, pcap 0
