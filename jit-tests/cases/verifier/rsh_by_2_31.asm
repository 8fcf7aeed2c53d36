; A constant shift to the right by 2^31, whose lower five bits are 0: 0 in the Pcap dialect.
;; skip libpcap: C leaves a shift by 32 and more to the compiler
;; dialects linux pcap seccomp
        ld #-1
        rsh #31
        rsh #0x80000000    ;; error linux seccomp: ShiftTooFar
        ret a
;; packet 00x64 => pcap 0
