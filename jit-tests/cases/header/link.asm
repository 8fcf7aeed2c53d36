; A place relative to the link header: the lowest such offset.
        ldh [0xffe00000]
        ret a
;; packet 00x64 => 0
;; packet 1234 with link=0 => linux 0x1234, pcap 0
;; packet 12 with link=0 => 0
;; packet 00 1234 with link=1 => linux 0x1234, pcap 0
;; packet 1234 with link=-1 => 0
;; packet 1234 with link=2147483647 => 0
;; packet 1234 with link=-2147483648 => 0
;; packet 1234 with network=0 => 0
