; A search for a netlink attribute.
        ldx #1
        ld nla    ;; error linux: NotSupportedYet
        ret a
;; packet 00x64 => pcap 0
