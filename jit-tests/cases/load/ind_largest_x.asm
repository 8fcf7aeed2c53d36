; X = 2^32 - 1: k = 1 is the start of the packet to the kernel; k = 0 is before it.
        ldx #0xffffffff
        ldb [x + 1]
        jeq #9, before
        ret a
before: ldb [x + 0]
        ret #1
;; packet 2a2b => linux 0x2a, pcap 0
;; packet 092b => 0
