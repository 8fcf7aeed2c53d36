; X is compared whole: no attribute has a type of 15 bits or more.
;; dialects linux
        ld [0]
        tax
        ld #4
        ld nla
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 00003fff 0400 ff3f => 4
;; packet 00003fff 0400 ffff => 4
;; packet 00004000 0400 0040 => 0
;; packet 0000ffff 0400 ffff => 0
;; packet 80000001 0400 0100 => 0
;; packet 00000000 0400 0000 => 4
