; What each dialect makes of a load at 0xffffff00, which names nothing.
;; dialects linux pcap seccomp
        ld [0xffffff00]    ;; error linux: UnknownAncillary, seccomp: OutsideSeccompData
        ret a
;; packet 00x64 => pcap 0
