; A >> 32 and more is 0 in the Pcap dialect; the kernel refuses such constants.
;; skip libpcap: C leaves a shift by 32 and more to the compiler
        ld #-1
        rsh #32    ;; error linux: ShiftTooFar
        add #-1
        rsh #33
        add #7
        ret a
;; packet - => pcap 7
