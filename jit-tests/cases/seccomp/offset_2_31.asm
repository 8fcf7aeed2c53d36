; An offset that is a multiple of 4, and far outside.
;; dialects linux pcap seccomp
        ld [0x80000000]    ;; error seccomp: OutsideSeccompData
        ret #1
;; packet 00x64 => linux 0, pcap 0
