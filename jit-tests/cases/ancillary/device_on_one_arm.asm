; The device is asked for on one arm only.
        ldb [0]
        jeq #1, ask
        ret #50
ask:    ldb ifidx
        ret a
;; packet 00 => 50
;; packet 01 => linux 1, pcap 0
;; packet 01 with device=9:1 => linux 9, pcap 0
