; A jump passes what it jumps over.
        ld #1
        jmp over
        ld #2
        ret a
over:   add #4
        ret a
;; packet - => 5
