; An unknown ancillary load is refused even where nothing leads to it.
        ret #3
        ld [0xfffff002]    ;; error linux: UnknownAncillary
        ret a
;; packet 00 => pcap 3
