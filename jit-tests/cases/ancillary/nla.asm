; A search for the attribute of type 2 from byte 4 on; the streams are little-endian.
;; dialects linux
        ldx #2
        ld #4
        ld nla
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 00000000 0400 0200 => 4
;; packet 00000000 0400 0100 0400 0200 => 8
;; packet 00000000 0500 0100 aa000000 0400 0200 => 12
;; packet 00000000 0800 0100 04000200 0400 0200 => 12
;; packet 00000000 0400 0100 0400 0300 => 0
;; packet 00000000 0400 0200 0400 0200 => 4
