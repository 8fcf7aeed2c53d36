; The verdict is A, all 32 bits of it.
        ld [0]
        ret a
;; packet 00000000 => 0
;; packet 00000001 => 1
;; packet 12345678 => 0x12345678
;; packet ffffffff => 0xffffffff
