; The last offset of all is no ancillary load, and to libpcap out of bounds.
        ldh [0xffffffff]    ;; error linux: UnknownAncillary
        ret #1
;; packet 00x64 => pcap 0
