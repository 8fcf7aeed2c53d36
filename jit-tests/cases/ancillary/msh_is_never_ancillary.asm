; `4*([k]&0xf)` knows no ancillary loads: to it the offset is relative to the network header.
        ldxb 4*([0xfffff024]&0xf)
        ret #1
;; packet 45 => 0
;; packet 45 with cpu=1 network=-1044516 => linux 1, pcap 0
