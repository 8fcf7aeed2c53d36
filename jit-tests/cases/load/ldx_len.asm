; `ldx #len` is the length on the wire, in X; A stays.
        ld #1
        ldx #len
        add x
        ret a
;; packet 00x60 => 61
;; packet 00x60 wire 1514 => 1515
;; packet 00x60 wire 14 => 15
;; packet - => 1
