; `4*([k]&0xf)` knows no ancillary loads: to it the offset is relative to the network header.
        ldxb 4*([0xfffff024]&0xf)    ;; error linux: NotSupportedYet
        ret #1
;; packet 45 => pcap 0
