; Every `rand` of a run gives another number.
        ld rand
        tax
        ld rand
        sub x
        ret a
;; packet 00 with seed=1234567 => linux 0xd2d5206d, pcap 0
