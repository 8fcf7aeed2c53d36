; `4*([k]&0xf)` relative to the network header, and what comes behind the IPv4 header.
        ldxb 4*([0xfff00000]&0xf)
        ldh [x + 0xfff00002]
        ret a
;; packet 45 00x21 0035 => linux 0x35, pcap 0
;; packet 45 00x21 00 => 0
;; packet 40 00 0035 => linux 0x35, pcap 0
;; packet 00x14 46 00x25 0035 with network=14 => linux 0x35, pcap 0
;; packet 00x14 4f 00x61 0035 with network=14 => linux 0x35, pcap 0
;; packet 00x14 4f 00x61 00 with network=14 => 0
;; packet 45 with network=0 => 0
;; packet 00x20 0035 with network=-1 => 0
