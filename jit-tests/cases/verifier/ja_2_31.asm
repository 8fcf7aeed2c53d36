; The longest jump backward.
;; dialects linux pcap seccomp
        raw 0x05, 0, 0, 0x80000000    ;; error linux seccomp: JumpOutside, pcap: JumpBackward
        ret #0
