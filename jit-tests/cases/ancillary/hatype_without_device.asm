; Without a device `hatype` ends the program, and A is the verdict: here 300, although `ret` is not reached.
        ld #300
        ld hatype
        ret #1
;; packet 00x512 => linux 300, pcap 0
;; packet 00 with device=3:1 => linux 1, pcap 0
