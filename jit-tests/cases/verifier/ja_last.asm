; A jump as the last instruction has nowhere to go: that is judged before the missing return is.
;; dialects linux pcap seccomp
        ret #0
        raw 0x05, 0, 0, 0    ;; error linux pcap seccomp: JumpOutside
