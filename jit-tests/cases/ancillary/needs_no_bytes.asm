; The empty packet has a context, too, and its length on the wire.
        ld mark
        ldx #len
        add x
        ret a
;; packet - wire 60 with mark=100 => linux 160, pcap 0
