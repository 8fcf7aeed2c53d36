; `ld #len` is the length on the wire, whatever was captured.
        ld #len
        ret a
;; packet 00x60 => 60
;; packet 00x60 wire 1514 => 1514
;; packet 00x60 wire 14 => 14
;; packet - => 0
;; packet - wire 60 => 60
;; packet 00 wire 0 => 0
;; packet 00 wire 0xffffffff => 0xffffffff
