; The first random number of a run.
        ld rand
        ret a
;; packet 00 with seed=1234567 => linux 0x599ed017, pcap 0
