; Only what was captured is searched, and all of it.
;; dialects linux
        ldx #1
        ld #0
        ld nla
        add #7
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 0400 0200 0400 0100 wire 4 => 11
;; packet 0400 0200 0400 01 wire 8 => 7
