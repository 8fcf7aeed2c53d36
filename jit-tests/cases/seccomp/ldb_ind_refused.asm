; Bytes cannot be loaded from X + k.
;; dialects linux pcap seccomp
        ldx #16
        ldb [x + 3]    ;; error seccomp: ForbiddenOpcode
        ret a
;; packet 00x16 01020304 00x44 => 4
