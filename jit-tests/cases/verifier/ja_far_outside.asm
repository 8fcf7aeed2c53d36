; The longest jump forward that is none backward.
;; dialects linux pcap seccomp
        raw 0x05, 0, 0, 0x7fffffff    ;; error linux pcap seccomp: JumpOutside
        ret #0
