; An unknown opcode is refused even where nothing leads to it.
;; dialects linux pcap seccomp
        ret #1
        raw 0x08, 0, 0, 0    ;; error linux pcap seccomp: UnknownOpcode
        ret #2
