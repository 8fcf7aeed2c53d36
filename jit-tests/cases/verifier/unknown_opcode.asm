; A code below 256 that is no opcode: a word load with the reserved mode.
;; dialects linux pcap seccomp
        raw 0xc0, 0, 0, 0    ;; error linux pcap seccomp: UnknownOpcode
        ret #1
