; A is any place.
;; dialects linux
        ldx #1
        ld [0]
        ld nlan
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 00000004 0800 0000 0400 0100 => 8
;; packet 00000005 aa 0800 0000 0400 0100 => 9
;; packet 00000008 0800 0000 0400 0100 => 0
;; packet 0000000c 0800 0000 0400 0100 => 0
;; packet fffffffc 0800 0000 0400 0100 => 0
;; packet ffffffff 0800 0000 0400 0100 => 0
