; A constant goes into X, and A stays.
        ld #1
        ldx #0xfedcba98
        add x
        ret a
;; packet - => 0xfedcba99
