; `4*([k]&0xf)` relative to the link header.
        ldxb 4*([0xffe00001]&0xf)
        txa
        ret a
;; packet 00 4f => 0
;; packet 00 4f with link=0 => linux 60, pcap 0
;; packet 4f with link=-1 => linux 60, pcap 0
;; packet 4f with link=-2 => 0
;; packet 4f with link=0 => 0
