; Instructions are judged before the end of the program is.
;; dialects linux pcap seccomp
        ld #0
        raw 0xe6, 0, 0, 0    ;; error linux pcap seccomp: UnknownOpcode
