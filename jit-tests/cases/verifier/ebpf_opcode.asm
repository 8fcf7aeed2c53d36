; What only eBPF knows, a 64-bit move, is no opcode here.
;; dialects linux pcap seccomp
        raw 0xb7, 0, 0, 0    ;; error linux pcap seccomp: UnknownOpcode
        ret #0
