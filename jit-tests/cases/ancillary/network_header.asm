; A place relative to the network header.
        ldb [0xfff00009]    ;; error linux: NotSupportedYet
        ret a
;; packet 00x64 => pcap 0
