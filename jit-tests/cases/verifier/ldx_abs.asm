; X cannot be loaded from the packet by absolute offset.
;; dialects linux pcap seccomp
        raw 0x21, 0, 0, 0    ;; error linux pcap seccomp: UnknownOpcode
        ret #0
