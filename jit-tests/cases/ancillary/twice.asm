; The same fact, loaded again behind a packet load.
        ld mark
        tax
        ldb [0]
        add x
        tax
        ld mark
        mul x
        ret a
;; packet 02 with mark=5 => linux 35, pcap 0
;; packet - with mark=5 => 0
