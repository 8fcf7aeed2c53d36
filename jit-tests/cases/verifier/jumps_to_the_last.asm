; Jumps to the last instruction stay inside.
;; dialects linux pcap seccomp
        ld #len
        raw 0x15, 1, 2, 64
        ret #1
        raw 0x05, 0, 0, 0
        ret #2
;; packet 00x64 => 2
;; packet 00 => linux 2, pcap 2
