; The data end at 64.
;; dialects linux pcap seccomp
        ld [60]
        ld [64]    ;; error seccomp: OutsideSeccompData
        ret a
;; packet 00x64 => linux 0, pcap 0
;; packet 00x64 01020304 => linux 0x01020304, pcap 0x01020304
