; Four bytes relative to the network header, some of them before the packet.
        ld [0xfff00000]
        ret a
;; packet 80000001 => linux 0x80000001, pcap 0
;; packet 800000 => 0
;; packet 00x14 80000001 with network=14 => linux 0x80000001, pcap 0
;; packet 00x14 800000 with network=14 => 0
;; packet 8000000102030405 with network=-1 => 0
;; packet 8000000102030405 with network=-3 => 0
;; packet 8000000102030405 with network=-4 => 0
;; packet 8000000102030405 with network=-5 => 0
