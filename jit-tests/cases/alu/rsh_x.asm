; A >> X: the kernel takes five bits of X, to libpcap 32 and more gives 0.
        ld [4]
        tax
        ld [0]
        rsh x
        ret a
;; packet c0000000 00000000 => 0xc0000000
;; packet c0000000 00000001 => 0x60000000
;; packet c0000000 0000001f => 1
;; packet c0000000 00000020 => linux 0xc0000000, pcap 0
;; packet c0000000 00000021 => linux 0x60000000, pcap 0
;; packet c0000000 80000000 => linux 0xc0000000, pcap 0
;; packet c0000000 ffffffff => linux 1, pcap 0
