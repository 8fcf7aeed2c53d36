; Offset 0xfffff028 stands for A ^= X, of 32 bits, with every width.
        ld [0]
        tax
        ld #0
        ldb [0xfffff028]
        ldh [0xfffff028]
        ldh [0xfffff028]
        ret a
;; packet 12345678 => linux 0x12345678, pcap 0
