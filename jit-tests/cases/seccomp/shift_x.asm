; Shifts by X take five bits of X, as in Linux.
;; dialects linux pcap seccomp
        ld #len
        sub #32
        tax
        ld #0x80000001
        rsh x
        ret a
;; packet 00x64 => linux 0x80000001, pcap 0, seccomp 0x80000001
