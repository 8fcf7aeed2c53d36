; The upper two bits of a type are flags, and no part of it.
;; dialects linux
        ldxb 4*([0]&0xf)
        ldi #4
        ldb nla
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 01000000 0400 0480 => 4
;; packet 01000000 0400 0440 => 4
;; packet 01000000 0400 04c0 => 4
;; packet 01000000 0400 0420 => 0
;; packet 02000000 0400 0420 0400 08c0 => 8
