; The type of the interface's hardware.
        ld hatype
        ret a
;; packet 00 with device=3:772 => linux 772, pcap 0
;; packet 00 with device=3:0xfffe => linux 0xfffe, pcap 0
