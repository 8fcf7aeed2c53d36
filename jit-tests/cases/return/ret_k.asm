; The verdict is the constant, all 32 bits of it; it may be more than the packet is long.
        ldb [0]
        jeq #1, one
        jeq #2, most
        jeq #3, sign
        ret #0
one:    ret #1
most:   ret #-1
sign:   ret #0x80000000
;; packet 00 => 0
;; packet 01 => 1
;; packet 02 => 0xffffffff
;; packet 03 => 0x80000000
