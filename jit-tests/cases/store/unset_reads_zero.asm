; A scratch word that was never stored is 0 in the Pcap dialect; the kernel refuses the program.
;; skip libpcap: its scratch words hold what the stack held
        ld #7
        ldx M[4]    ;; error linux: ScratchUnset
        add x
        ld M[15]
        add x
        add #5
        ret a
;; packet - => pcap 5
