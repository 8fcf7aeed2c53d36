; M[15] is read into X, and only its neighbour was stored: it is 0 in the Pcap dialect.
;; skip libpcap: its scratch words hold what the stack held
;; dialects linux pcap seccomp
        ld #5
        st M[14]
        ldx M[15]    ;; error linux seccomp: ScratchUnset
        add x
        ret a
;; packet 00x64 => pcap 5
