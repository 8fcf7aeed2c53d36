; The offset of the payload.
        ldb poff    ;; error linux: NotSupportedYet
        ret a
;; packet 00x64 => pcap 0
