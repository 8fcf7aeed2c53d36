; A & k.
        ld [0]
        and #0xf00ff00f
        ret a
;; packet ffffffff => 0xf00ff00f
;; packet 12345678 => 0x10045008
