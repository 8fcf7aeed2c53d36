; A division by X = 0 ends the program even if nobody looks at the quotient.
        ldb [0]
        tax
        div x
        ld #9
        ret a
;; packet 00 => 0
;; packet 01 => 9
