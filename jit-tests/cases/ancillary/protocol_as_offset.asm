; The kernel's verifier derives no range from a change of byte order, so the offset is limited once more.
        ld proto
        and #0x34af0a0f
        tax
        ldb [x + 2]
        ret a
;; packet 00x60 with proto=0x1 => 0
;; packet 00112233x16 => linux 0x22, pcap 0
