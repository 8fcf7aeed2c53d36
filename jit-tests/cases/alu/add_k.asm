; A + k wraps.
        ld [0]
        add #0x80000001
        ret a
;; packet 00000001 => 0x80000002
;; packet 7fffffff => 0
;; packet 80000000 => 1
;; packet ffffffff => 0x80000000
