; Where the transport header begins is cut to the length on the wire, and both to 16 bits.
;; dialects linux
        ld poff
        ret a
;; packet 4f 00x8 11 00x10 wire 60 with proto=0x800 => 68
;; packet 4f 00x8 11 00x10 wire 20 with proto=0x800 => 28
;; packet 4f 00x8 11 00x10 wire 65536 with proto=0x800 => 8
;; packet 45 00x8 11 00x10 wire 65546 with proto=0x800 => 18
