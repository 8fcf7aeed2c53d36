; What is captured behind the network header says nothing of what is captured behind the packet's first byte.
        ld [0xfff00000]
        ldb [8]
        jeq #1, one
        ldb [0xfff00003]
        ret a
one:    ld [0xffe00004]
        ret a
;; packet 0000000400000000 00 => linux 4, pcap 0
;; packet 0000000400000000 01 => 0
;; packet 0000000400000000 01 with link=0 => 0
;; packet 0000000400000007 01 with link=0 => linux 7, pcap 0
;; packet 0000000400000007 01 with link=2 => 0
;; packet 0000000400000000 05 with network=5 => linux 5, pcap 0
;; packet 0000000400000000 05 with network=6 => 0
