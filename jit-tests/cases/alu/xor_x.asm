; A ^ X.
        ld [4]
        tax
        ld [0]
        xor x
        ret a
;; packet ffffffff 0f0f0f0f => 0xf0f0f0f0
;; packet 12345678 12345678 => 0
