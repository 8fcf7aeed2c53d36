; Assemblers know `ret x`; no dialect accepts it.
;; dialects linux pcap seccomp
        ldx #1
        ret x    ;; error linux pcap seccomp: ForbiddenOpcode
        ret #0
