; The header of IPv4 says how long it is; shorter than 20 bytes it is none. Its options need not be captured.
;; dialects linux
        ld poff
        ret a
;; packet 46 00x5 0000 4011 00x10 00x4 00x8 with proto=0x800 => 32
;; packet 4f 00x5 0000 4011 00x10 00x40 00x8 with proto=0x800 => 68
;; packet 4f 00x8 11 00x10 with proto=0x800 => 28
;; packet 4f 00x8 11 00x40 with proto=0x800 => 58
;; packet 44 00x8 11 00x30 with proto=0x800 => 0
;; packet 40 00x8 11 00x30 with proto=0x800 => 0
