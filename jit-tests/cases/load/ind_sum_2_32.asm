; X + k = 2^32 and above: the start of the packet to the kernel, out of bounds to libpcap.
        ld [0]
        tax
        ldb [x + 0x7fffffff]
        ret a
;; packet 80000000 2a => 0
;; packet 80000001 2a => linux 0x80, pcap 0
;; packet 80000004 2a => linux 4, pcap 0
;; packet 80000005 2a => linux 0x2a, pcap 0
;; packet 80000006 2a => 0
;; packet ffffffff 2a => 0
