; Words cannot be loaded from X + k.
;; dialects linux pcap seccomp
        ldx #16
        ld [x + 0]    ;; error seccomp: ForbiddenOpcode
        ret a
;; packet 00x16 01020304 00x44 => 0x01020304
