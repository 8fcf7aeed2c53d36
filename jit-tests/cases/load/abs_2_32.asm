; In libpcap, loads that end at 2^32 or above are out of bounds; they do not wrap to the start.
;; dialects pcap
        ldb [0]
        jeq #1, o1
        jeq #2, o2
        jeq #3, o3
        jeq #4, o4
        ret #9
o1:     ldb [0xffffffff]
        ret #1
o2:     ldh [0xffffffff]
        ret #1
o3:     ld [0xfffffffd]
        ret #1
o4:     ld [0xfffffffc]
        ret #1
;; packet 0000000000000000 => 9
;; packet 0100000000000000 => 0
;; packet 0200000000000000 => 0
;; packet 0300000000000000 => 0
;; packet 0400000000000000 => 0
