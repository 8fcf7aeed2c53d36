; A | X.
        ld [4]
        tax
        ld [0]
        or x
        ret a
;; packet f0f0f0f0 0f000f00 => 0xfff0fff0
;; packet 00000000 80000000 => 0x80000000
