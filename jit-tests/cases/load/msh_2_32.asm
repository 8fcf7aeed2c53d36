; In libpcap, `4*([k]&0xf)` just below 2^32 is out of bounds.
;; dialects pcap
        ldxb 4*([0xffffffff]&0xf)
        ret #1
;; packet 45 => 0
;; packet - => 0
