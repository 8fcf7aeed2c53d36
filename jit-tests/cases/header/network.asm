; A byte relative to the network header, which begins at 0 unless the context says otherwise.
        ldb [0xfff00009]
        ret a
;; packet 00x9 11 => linux 0x11, pcap 0
;; packet 00x9 => 0
;; packet 00x23 06 with network=14 => linux 6, pcap 0
;; packet 00x9 06 with network=1 => 0
;; packet 06 with network=-9 => linux 6, pcap 0
;; packet 06 with network=-10 => 0
;; packet 06 with network=2147483647 => 0
;; packet 06 with network=-2147483648 => 0
;; packet 06 with network=-9 link=-9 => linux 6, pcap 0
