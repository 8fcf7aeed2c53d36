; A division by X that a test has found not to be 0: it must not be computed where the test is open, be it because
; all values are (data flow), or because the block with the division does nothing else, and its edges are led past it.
        ldb [0]
        tax
        jeq #0, other
        ld #len
        div x
        jmp meet
other:  ld #9
meet:   add #1
        ret a
;; packet 00 => 10
;; packet 03 wire 10 => 4
;; packet - => 0
