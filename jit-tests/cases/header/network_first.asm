; The first offset that is relative to the network header, and the one below, which is relative to the link header.
        ldb [0xfff00000]
        jeq #1, below
        ret a
below:  ldb [0xffefffff]
        ret a
;; packet 05 with link=-1048575 => linux 5, pcap 0
;; packet 01 05 with link=-1048574 => linux 5, pcap 0
;; packet 01 05 with link=-1048575 => linux 1, pcap 0
;; packet 01 05 with link=0 => 0
;; packet 01 05 => 0
