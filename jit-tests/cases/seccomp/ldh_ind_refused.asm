; Half words cannot be loaded from X + k.
;; dialects linux pcap seccomp
        ldx #16
        ldh [x + 2]    ;; error seccomp: ForbiddenOpcode
        ret a
;; packet 00x16 01020304 00x44 => 0x0304
