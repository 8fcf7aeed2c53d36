; `4*([k]&0xf)` relative to the link header: the lowest such offset.
        ldxb 4*([0xffe00000]&0xf)    ;; error linux: NotSupportedYet
        ret #1
;; packet 45 => pcap 0
