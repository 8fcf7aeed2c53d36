; How many random numbers came before depends on the way.
        ldb [0]
        jeq #0, none
        jeq #1, one
        ld rand
one:    ld rand
none:   ld rand
        ret a
;; packet 00 with seed=1234567 => linux 0x599ed017, pcap 0
;; packet 01 with seed=1234567 => linux 0x2c73f084, pcap 0
;; packet 02 with seed=1234567 => linux 0x883ebce5, pcap 0
