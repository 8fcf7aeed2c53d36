; A word, from a place that a word names, which was loaded in the same way.
        ld [0]
        tax
        ld [x + 0]
        tax
        ld [x + 2]
        ret a
;; packet 00000000 0000 => 0
;; packet 00000004 00000000 => linux 0x00040000, pcap 0x00040000
;; packet fff00004 00000001 00000007 => linux 0x04000000, pcap 0
;; packet 00x2 fff00004 0005 with network=-2 => 0
;; packet 00000004 fff00006 01020304 => linux 0x01020304, pcap 0
