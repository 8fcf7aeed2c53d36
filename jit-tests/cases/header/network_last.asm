; The last offset of all: 0xfffff behind the network header.
        ldx #0xffffffff
        ldb [x + 0]
        ret #1
;; packet 00x64 => 0
;; packet 00 with network=-1048575 => linux 1, pcap 0
;; packet 00 with network=-1048576 => 0
;; packet - with network=-1048575 => 0
