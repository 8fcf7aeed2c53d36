; Half words cannot be loaded.
;; dialects linux pcap seccomp
        ldh [0]    ;; error seccomp: ForbiddenOpcode
        ret a
;; packet 0102 00x62 => 0x0102
