; A search for the attribute of type 3 inside the attribute at byte 4; the streams are little-endian.
;; dialects linux
        ldx #3
        ld #4
        ldh nlan
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 00000000 0800 0100 0400 0300 => 8
;; packet 00000000 0c00 0180 0400 0200 0400 0300 => 12
;; packet 00000000 0800 0100 0400 0200 0400 0300 => 0
;; packet 00000000 0400 0300 0400 0300 => 0
;; packet 00000000 0c00 0180 0800 0200 0400 0300 0400 0300 => 0
