; k = 0xfffff014 and X = 0 name no ancillary load either.
        ld [x + 0xfffff014]
        ret #6
;; packet 00x64 with mark=3 => 0
;; packet 00x64 => 0
;; packet 00x64 with network=-1044480 => linux 6, pcap 0
