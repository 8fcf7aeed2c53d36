; A * X keeps the lower 32 bits.
        ld [4]
        tax
        ld [0]
        mul x
        ret a
;; packet 00000007 00000006 => 42
;; packet ffffffff ffffffff => 1
;; packet 00010000 00010000 => 0
;; packet 80000000 00000003 => 0x80000000
