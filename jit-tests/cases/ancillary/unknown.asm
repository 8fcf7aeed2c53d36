; Offsets from 0xfffff000 that are no ancillary load, here the first one behind the table.
        ld [0xfffff040]    ;; error linux: UnknownAncillary
        ret #1
;; packet 00x64 => pcap 0
