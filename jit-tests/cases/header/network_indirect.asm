; A place relative to the network header, X behind it.
        ldb [0]
        tax
        ldb [x + 0xfff00000]
        ret a
;; packet 00 => 0
;; packet 01 22 => linux 0x22, pcap 0
;; packet 02 22 => 0
;; packet 02 22 33 44 with network=1 => linux 0x44, pcap 0
;; packet ff 22 with network=-254 => linux 0x22, pcap 0
;; packet ff 22 with network=-256 => 0
;; packet ff 22 with network=-253 => 0
