; The last offset below the ancillary loads is relative to the network header.
        ldb [0xffffefff]
        ret #1
;; packet 00x64 => 0
;; packet 00x64 with network=-1044479 => linux 1, pcap 0
