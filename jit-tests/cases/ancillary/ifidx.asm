; The number of the interface.
        ld ifidx
        ret a
;; packet 00 with device=3:1 => linux 3, pcap 0
;; packet 00 with device=0xfffffffe:1 => linux 0xfffffffe, pcap 0
