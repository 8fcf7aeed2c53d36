; Without a device `ifidx` ends the program, and A is the verdict, as in the kernel.
        ldb [0]
        ld ifidx
        add #1
        ret a
;; packet 07 => linux 7, pcap 0
;; packet 00 => 0
;; packet 07 with device=3:1 => linux 4, pcap 0
;; packet 07 with device=0:0 => linux 1, pcap 0
