; An indirect place that can only be meant as relative to the link header.
        ldx #4
        ld [x + 0xffe0ffff]
        ret a
;; packet 00x64 => 0
;; packet 00010203 with link=-65539 => linux 0x10203, pcap 0
;; packet 00010203 with link=-65538 => 0
;; packet 00010203 with link=-65540 => 0
