; A << 32 and more is 0 in the Pcap dialect; the kernel refuses such constants.
;; skip libpcap: C leaves a shift by 32 and more to the compiler
        ld #1
        st M[0]
        lsh #32    ;; error linux: ShiftTooFar
        ldx M[0]
        add x
        lsh #0xffffffff
        add #7
        ret a
;; packet - => pcap 7
