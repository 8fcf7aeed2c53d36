; To whom the frame was addressed.
        ld type
        add #10
        ret a
;; packet 00 with type=4 => linux 14, pcap 0
;; packet 00 => linux 10, pcap 0
