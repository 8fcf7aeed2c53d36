; A header that lies beyond the packet matters only to what is relative to it.
        ldb [0]
        jeq #1, header
        ret #7
header: ldb [0xfff00000]
        ret #8
;; packet 00 with network=1000 => 7
;; packet 01 with network=1000 => 0
;; packet 01 => linux 8, pcap 0
