; Without a seed the number is any: a program that does not depend on it.
        ld rand
        tax
        xor x
        add #1
        ret a
;; packet 00 => linux 1, pcap 0
;; packet 00 with seed=7 => linux 1, pcap 0
