; ARP for this host that came in on interface 2, by the context alone.
        ld proto
        jne #0x806, drop
        ld type
        jeq #3, drop                    ; for another host
        jeq #4, drop                    ; outgoing
        ld #0
        ld ifidx
        jne #2, drop
        ret #42
drop:   ret #0
;; packet - with proto=0x806 device=2:1 => linux 42, pcap 0
;; packet - with proto=0x806 device=3:1 => 0
;; packet - with proto=0x806 type=4 device=2:1 => 0
;; packet - with proto=0x800 device=2:1 => 0
;; packet - with proto=0x806 => 0
