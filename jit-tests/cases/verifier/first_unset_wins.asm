; Of two words that were never stored, the one that is read first is named.
;; dialects linux pcap seccomp
        st M[1]
        ld M[2]    ;; error linux seccomp: ScratchUnset
        ldx M[3]
        ret #1
;; packet 00x64 => pcap 1
