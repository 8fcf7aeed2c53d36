; A ^ k.
        ld [0]
        xor #0xff00ff00
        ret a
;; packet ffffffff => 0x00ff00ff
;; packet 12345678 => 0xed34a978
