; A constant shift to the left by 32: 0 in the Pcap dialect.
;; skip libpcap: C leaves a shift by 32 and more to the compiler
;; dialects linux pcap seccomp
        ld #1
        lsh #31
        lsh #32    ;; error linux seccomp: ShiftTooFar
        ret a
;; packet 00x64 => pcap 0
