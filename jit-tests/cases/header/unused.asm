; A load whose result nobody reads ends the program where it is out of bounds.
        ldb [0xfff00004]
        ldh [0xffe00000]
        ret #3
;; packet 00x5 => 0
;; packet 00x5 with link=0 => linux 3, pcap 0
;; packet 00x4 with link=0 => 0
;; packet 00x5 with link=4 => 0
;; packet 00x5 with link=3 => linux 3, pcap 0
