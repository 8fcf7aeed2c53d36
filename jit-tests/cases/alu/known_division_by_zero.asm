; A division by an X that is known to be 0: the verdict is 0, and the rest of the program does not matter.
        ldb [0]
        jeq #1, remainder
        ld #7
        div x
        ret #1
remainder: ld #7
        mod x
        ret #2
;; packet 00 => 0
;; packet 01 => 0
