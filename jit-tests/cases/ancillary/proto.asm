; The protocol of the frame. To libpcap this is an offset out of bounds.
        ld proto
        ret a
;; packet 00 with proto=0x0800 => linux 0x0800, pcap 0
;; packet - with proto=0x86dd => linux 0x86dd, pcap 0
