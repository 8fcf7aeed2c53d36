; The way that is not taken leads outside, the other one does not.
;; dialects linux pcap seccomp
        ld #1
        raw 0x2d, 0, 255, 0    ;; error linux pcap seccomp: JumpOutside
        ret #0
