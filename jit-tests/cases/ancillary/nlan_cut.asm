; The outer attribute must be whole, and those inside must be whole inside it.
;; dialects linux
        ldx #3
        ld #0
        ld nlan
        add #100
        ret a
;; skip big-endian: the attributes are little-endian
;; packet - => 100
;; packet 0800 01 => 100
;; packet 0000 0100 0400 0300 => 100
;; packet 0300 0100 0400 0300 => 100
;; packet 0400 0100 0400 0300 => 100
;; packet 0700 0100 0400 0300 => 100
;; packet 0800 0100 0400 0300 => 104
;; packet 0900 0100 0400 0300 => 100
;; packet 0900 0100 0400 0300 00 => 104
;; packet 0900 0100 0600 0300 aabb => 100
;; packet 0a00 0100 0600 0300 aabb => 104
