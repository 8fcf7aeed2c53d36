; k = -1: the kernel's sum wraps, libpcap's does not and is out of bounds.
        ldb [0]
        tax
        ldb [x + -1]
        ret a
;; packet 08 11223344556677 88 => linux 0x77, pcap 0
;; packet 01 => linux 1, pcap 0
;; packet 02 => 0
;; packet 00 11 => 0
