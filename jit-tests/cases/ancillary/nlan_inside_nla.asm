; An attribute inside an attribute inside the stream behind the header of a netlink message.
;; dialects linux
        ldx #1
        ld #16
        ld nla
        jeq #0, none
        ldx #2
        ld nlan
        jeq #0, none
        ldx #3
        ld nlan
        jeq #0, none
        tax
        ldh [x + 4]
        ret a
none:   ret #9
;; skip big-endian: the attributes are little-endian
;; packet 00x16 0400 0400 1000 0180 0c00 0280 0600 0300 abcd0000 => 0xabcd
;; packet 00x16 0400 0400 0e00 0180 0a00 0280 0600 0300 abcd => 0xabcd
;; packet 00x16 0400 0400 1000 0180 0c00 0280 0600 0400 abcd0000 => 9
;; packet 00x16 0400 0400 0c00 0280 0600 0300 abcd0000 => 9
;; packet - => 9
