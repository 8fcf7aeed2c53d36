; A constant goes into A, all 32 bits of it.
        ld #0x01020304
        ld #0xfedcba98
        ret a
;; packet - => 0xfedcba98
