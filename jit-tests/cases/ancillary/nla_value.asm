; The value of an attribute is read behind what was found, and one that is not there is told from one at 0.
;; dialects linux
        ldx #5
        ld #16
        ld nla
        jeq #0, none
        tax
        ld [x + 4]
none:   ret a
;; skip big-endian: the attributes are little-endian
;; packet 00x16 0600 0100 aaaa0000 0800 0500 01020304 => 0x01020304
;; packet 00x16 0600 0100 aaaa0000 0700 0500 010203 => 0
;; packet 00x16 0600 0100 aaaa0000 0800 0600 01020304 => 0
;; packet 00x16 0400 0500 0102 => 0
