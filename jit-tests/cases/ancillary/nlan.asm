; A search for a nested netlink attribute.
        ldx #1
        ldh nlan    ;; error linux: NotSupportedYet
        ret a
;; packet 00x64 => pcap 0
