; `4*([k]&0xf)` cannot be loaded.
;; dialects linux pcap seccomp
        ldxb 4*([0]&0xf)    ;; error seccomp: ForbiddenOpcode
        txa
        ret a
;; packet 45 00x63 => 20
