; A is any place: aligned or not, near the end, and beyond it.
;; dialects linux
        ldx #1
        ld [0]
        ld nla
        ret a
;; skip big-endian: the attributes are little-endian
;; packet 00000004 0400 0100 => 4
;; packet 00000005 ff 0400 0100 => 5
;; packet 00000007 ffffff 0400 0100 => 7
;; packet 00000005 0400 0100 => 0
;; packet 00000006 0400 0100 0400 0100 => 0
;; packet 00000008 0400 0100 => 0
;; packet 00000009 0400 0100 => 0
;; packet ffffffff 0400 0100 => 0
;; packet fffffffc 0400 0100 => 0
;; packet fff00004 0400 0100 => 0
;; packet 80000000 0400 0100 => 0
