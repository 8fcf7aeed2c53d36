; The last offset below the ancillary loads is relative to the network header.
        ldb [0xffffefff]    ;; error linux: NotSupportedYet
        ret #1
;; packet 00x64 => pcap 0
