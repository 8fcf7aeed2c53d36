; `ret x` at the end: the opcode is judged before the end of the program is.
;; dialects linux pcap seccomp
        ldx #1
        ret x    ;; error linux pcap seccomp: ForbiddenOpcode
