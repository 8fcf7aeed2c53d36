; An ancillary load at an odd offset does not exist.
        ldb [0xfffff001]    ;; error linux: UnknownAncillary
        ret #1
;; packet 00x64 => pcap 0
