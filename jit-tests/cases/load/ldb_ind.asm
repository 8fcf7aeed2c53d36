; A byte at X + k: in the packet, at its end, and one past it.
        ldb [0]
        tax
        ldb [x + 1]
        ret a
;; packet 00 99 => 0x99
;; packet 04 aaaaaaaa ff => 0xff
;; packet 04 aaaaaaaa => 0
;; packet 04 aaaaaaaa wire 6 => 0
