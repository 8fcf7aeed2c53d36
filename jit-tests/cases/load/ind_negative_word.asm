; A word whose sum wraps to the start of the packet, to its end, one past it and one before the start.
        ldb [0]
        tax
        ld [x + -8]
        ret a
;; packet 08 000001 => linux 0x08000001, pcap 0
;; packet 0c 000000 12345678 => linux 0x12345678, pcap 0
;; packet 0d 000000 12345678 => 0
;; packet 07 000000 12345678 => 0
