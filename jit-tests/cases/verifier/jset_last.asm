; A test as the last instruction has nowhere to go.
;; dialects linux pcap seccomp
        ret #0
        raw 0x45, 0, 0, 1    ;; error linux pcap seccomp: JumpOutside
