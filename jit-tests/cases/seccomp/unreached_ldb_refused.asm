; An opcode is refused even where nothing leads to it.
;; dialects linux pcap seccomp
        ret #1
        ldb [0]    ;; error seccomp: ForbiddenOpcode
        ret a
;; packet 00x64 => 1
