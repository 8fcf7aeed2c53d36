; X + k never means an ancillary load: what X adds up to is a place relative to the network header.
        ldx #0xfffff000
        ldb [0]
        jeq #1, ind
        ret #5
ind:    ld [x + 0x24]
        ret #6
;; packet 00 => 5
;; packet 01 => 0
;; packet 01 00x7 with network=-1044512 => linux 6, pcap 0
