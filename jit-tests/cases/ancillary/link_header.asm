; A place relative to the link header: the lowest such offset.
        ldh [0xffe00000]    ;; error linux: NotSupportedYet
        ret a
;; packet 00x64 => pcap 0
