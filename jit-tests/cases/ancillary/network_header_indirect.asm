; An indirect place that can only be meant as relative to the network header.
        ldx #4
        ldb [x + 0xfff00000]    ;; error linux: NotSupportedYet
        ret a
;; packet 00x64 => pcap 0
