; Codes that look like `ret a` with a size, or like `st` with a mode, are none.
;; dialects linux pcap seccomp
        ld #1
        raw 0x62, 0, 0, 0    ;; error linux pcap seccomp: UnknownOpcode
        raw 0x1e, 0, 0, 0
        ret a
