; Both questions about the device, one after the other.
        ld ifidx
        tax
        ld hatype
        add x
        ret a
;; packet 00 with device=4:512 => linux 516, pcap 0
;; packet 00 => 0
