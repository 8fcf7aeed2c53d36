; A length below that of the header ends the search.
;; dialects linux
        ldx #2
        ldi #4
        ld nla
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 00000000 0000 0200 00000000 => 0
;; packet 00000000 0300 0200 00000000 => 0
;; packet 00000000 0400 0100 0000 0000 0400 0200 => 0
;; packet 00000000 0400 0200 => 4
