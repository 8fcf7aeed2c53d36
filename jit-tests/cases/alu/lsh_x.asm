; A << X: the kernel takes five bits of X, to libpcap 32 and more gives 0.
        ld [4]
        tax
        ld [0]
        lsh x
        ret a
;; packet 00000003 00000000 => 3
;; packet 00000003 00000001 => 6
;; packet 00000003 0000001f => 0x80000000
;; packet 00000003 00000020 => linux 3, pcap 0
;; packet 00000003 00000021 => linux 6, pcap 0
;; packet 00000003 00000100 => linux 3, pcap 0
;; packet 00000003 ffffffff => linux 0x80000000, pcap 0
