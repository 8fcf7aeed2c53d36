; A jump to just behind the last instruction.
;; dialects linux pcap seccomp
        ld #1
        raw 0x05, 0, 0, 1    ;; error linux pcap seccomp: JumpOutside
        ret #0
