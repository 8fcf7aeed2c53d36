; There is no remainder by a constant.
;; dialects linux pcap seccomp
        ld #17
        mod #5    ;; error seccomp: ForbiddenOpcode
        ret a
;; packet 00x64 => 2
