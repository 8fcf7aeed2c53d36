; Opcodes have eight bits: 0x106 is not `ret #k`, although its lower half is.
;; dialects linux pcap seccomp
        ret #1
        raw 0x106, 0, 0, 1    ;; error linux pcap seccomp: UnknownOpcode
