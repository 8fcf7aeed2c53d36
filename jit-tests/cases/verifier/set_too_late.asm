; A store behind the read does not help.
;; dialects linux pcap seccomp
        ldx M[5]    ;; error linux seccomp: ScratchUnset
        stx M[5]
        ldx M[5]
        ret #2
;; packet 00x64 => pcap 2
