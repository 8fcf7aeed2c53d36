; The last byte of the packet, and one past it.
        ldb [9]
        ret a
;; packet 00x9 11 => 0x11
;; packet 00x9 => 0
;; packet - => 0
;; packet 00x9 wire 10 => 0
