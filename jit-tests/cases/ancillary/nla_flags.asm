; The upper two bits of a type are flags, and no part of it.
;; dialects linux
        ldxb 4*([0]&0xf)
        ldi #4
        ldb nla
        ret a
;; packet 01000000 0400 0480 => 4
;; packet 01000000 0400 0440 => 4
;; packet 01000000 0400 04c0 => 4
;; packet 01000000 0400 0420 => 0
;; packet 02000000 0400 0420 0400 08c0 => 8
