; The last word of a large datagram.
        ld [59996]
        ret a
;; packet 00x59996 80000001 => 0x80000001
;; packet 00x59996 800000 => 0
