; The byte of `4*([k]&0xf)` at the end of the packet, and one past it.
        ldxb 4*([14]&0xf)
        txa
        ret a
;; packet 00x14 46 => 24
;; packet 00x14 => 0
;; packet - => 0
;; packet 00x14 wire 15 => 0
