; Attributes that are not whole end the search, whatever type they have.
;; dialects linux
        ldx #2
        ld #0
        ld nla
        add #100
        ret a
;; skip big-endian: the attributes are little-endian
;; packet - => 100
;; packet 0400 02 => 100
;; packet 0500 0200 => 100
;; packet 0400 0100 0500 0200 => 100
;; packet 0400 0100 0500 0200 aa => 104
;; packet 0500 0100 aa 0400 0200 => 100
;; packet 0600 0100 aaaa0000 0400 0200 => 108
;; packet 0600 0100 aaaa00 => 100
;; packet ffff 0200 00x60 => 100
