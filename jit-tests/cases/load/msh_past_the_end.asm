; `4*([k]&0xf)` past the end of the packet ends the program.
        ldxb 4*([14]&0xf)
        ret #1
;; packet 00x15 => 1
;; packet 00x14 => 0
;; packet - => 0
