; A jump to itself would never end.
;; dialects linux pcap seccomp
        raw 0x05, 0, 0, 0xffffffff    ;; error linux seccomp: JumpOutside, pcap: JumpBackward
        ret #0
