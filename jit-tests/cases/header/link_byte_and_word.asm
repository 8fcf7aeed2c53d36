; Source and destination of an Ethernet frame, wherever it begins.
        ld [0xffe00002]
        tax
        ldb [0xffe00006]
        xor x
        ret a
;; packet 0102030405060708090a0b0c0800 with link=0 => linux 0x03040501, pcap 0
;; packet 00 0102030405060708090a0b0c0800 with link=1 => linux 0x03040501, pcap 0
;; packet 030405060708090a0b0c0800 with link=-2 => linux 0x03040501, pcap 0
;; packet 0405060708090a0b0c0800 with link=-3 => 0
;; packet 010203040506 with link=0 => 0
;; packet 0102030405060708090a0b0c0800 => 0
