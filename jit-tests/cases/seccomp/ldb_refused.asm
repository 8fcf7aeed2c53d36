; Bytes cannot be loaded.
;; dialects linux pcap seccomp
        ldb [63]    ;; error seccomp: ForbiddenOpcode
        ret a
;; packet 00x63 05 => 5
