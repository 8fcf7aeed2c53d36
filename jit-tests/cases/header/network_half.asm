; Two bytes relative to the network header.
        ldh [0xfff00002]
        ret a
;; packet 0000 1234 => linux 0x1234, pcap 0
;; packet 0000 12 => 0
;; packet 00x16 1234 with network=14 => linux 0x1234, pcap 0
;; packet 1234 with network=-2 => linux 0x1234, pcap 0
;; packet 1234 with network=-3 => 0
;; packet 1234 with network=-4 => 0
