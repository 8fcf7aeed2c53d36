; A / 1, A / 16 and A / 2^31.
        ld [0]
        div #1
        div #16
        tax
        ld [0]
        div #0x80000000
        add x
        ret a
;; packet 0000000f => 0
;; packet 7fffffff => 0x07ffffff
;; packet ffffffff => 0x10000000
