; It is found where it is asked for, whatever was asked before.
;; dialects linux
        ld mark
        jeq #1, other
        ldb poff
        st M[0]
        ldh poff
        ldx M[0]
        and x
        ret a
other:  ret #7
;; packet 45 00x5 0000 4011 00x10 00x8 with proto=0x800 => 28
;; packet 45 00x5 0000 4011 00x10 00x8 with proto=0x800 mark=1 => 7
;; packet 45 00x8 11 00x9 with proto=0x800 => 0
;; packet 45 00x8 11 00x9 with proto=0x800 mark=1 => 7
