; The largest code.
;; dialects linux pcap seccomp
        raw 0xffff, 255, 255, 0xffffffff    ;; error linux pcap seccomp: UnknownOpcode
        ret #1
