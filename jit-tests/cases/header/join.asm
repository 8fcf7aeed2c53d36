; X is one of two offsets, of which one is relative to a header.
        ldb [0]
        jeq #1, far
        ldx #2
        jmp load
far:    ldx #0xfff00001
load:   ldb [x + 1]
        ret a
;; packet 00 11 22 33 => 0x33
;; packet 01 11 22 33 => linux 0x22, pcap 0
;; packet 01 11 22 33 with network=1 => linux 0x33, pcap 0
;; packet 01 11 22 33 with network=2 => 0
