; A word stored on one arm only is 0 behind the other in the Pcap dialect; the kernel refuses the program.
;; skip libpcap: its scratch words hold what the stack held
        ldb [0]
        jeq #1, meet
        st M[5]
meet:   ld M[5]    ;; error linux: ScratchUnset
        add #100
        ret a
;; packet 01 => pcap 100
;; packet 07 => pcap 107
