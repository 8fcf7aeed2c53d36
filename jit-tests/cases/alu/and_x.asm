; A & X.
        ld [4]
        tax
        ld [0]
        and x
        ret a
;; packet f0f0f0f0 ff00ff00 => 0xf000f000
;; packet ffffffff 80000001 => 0x80000001
