; A * k keeps the lower 32 bits.
        ld [0]
        mul #0x10001
        ret a
;; packet 00000002 => 0x20002
;; packet 00010000 => 0x10000
;; packet ffffffff => 0xfffeffff
;; packet 00000000 => 0
