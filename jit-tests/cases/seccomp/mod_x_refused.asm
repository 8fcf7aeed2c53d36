; There is no remainder by X.
;; dialects linux pcap seccomp
        ld #17
        ldx #6
        mod x    ;; error seccomp: ForbiddenOpcode
        ret a
;; packet 00x64 => 5
