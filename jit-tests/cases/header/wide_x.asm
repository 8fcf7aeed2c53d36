; X is so large that k need not be relative to anything, and their sum wraps to be.
        ldb [0]
        add #0x7fffffff
        tax
        ldb [x + 0x7ff00001]
        ret a
;; packet 00 11 22 33 => linux 0, pcap 0
;; packet 02 11 22 33 => linux 0x22, pcap 0
;; packet 02 11 22 33 with network=1 => linux 0x33, pcap 0
;; packet 02 11 22 33 with network=-3 => 0
