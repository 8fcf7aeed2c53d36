; The way that is taken leads outside, the other one does not.
;; dialects linux pcap seccomp
        raw 0x15, 1, 0, 5    ;; error linux pcap seccomp: JumpOutside
        ret #0
