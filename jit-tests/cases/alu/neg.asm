; -A wraps.
        ld [0]
        neg
        ret a
;; packet 00000000 => 0
;; packet 00000001 => 0xffffffff
;; packet 80000000 => 0x80000000
;; packet ffffffff => 1
