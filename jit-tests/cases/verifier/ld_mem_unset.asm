; M[0] is read into A, and nothing stored it: it is 0 in the Pcap dialect.
;; skip libpcap: its scratch words hold what the stack held
;; dialects linux pcap seccomp
        ld #5
        ld M[0]    ;; error linux seccomp: ScratchUnset
        add #3
        ret a
;; packet 00x64 => pcap 3
