; A half word at X + k: in the packet, at its end, and one past it.
        ldb [0]
        tax
        ldh [x + 1]
        ret a
;; packet 00 0102bb => 0x0102
;; packet 02 aaaa fffe => 0xfffe
;; packet 02 aaaa ff => 0
;; packet 02 aaaa => 0
;; packet 02 aaaa ff wire 5 => 0
