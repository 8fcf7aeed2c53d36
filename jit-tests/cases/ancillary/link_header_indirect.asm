; An indirect place that can only be meant as relative to the link header.
        ldx #4
        ld [x + 0xffe0ffff]    ;; error linux: NotSupportedYet
        ret a
;; packet 00x64 => pcap 0
