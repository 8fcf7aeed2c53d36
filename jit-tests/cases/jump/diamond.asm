; Two arms change A and meet.
        ldb [0]
        jset #1, odd, even
odd:    mul #3
        add #1
        jmp meet
even:   div #2
meet:   add #100
        ret a
;; packet 07 => 122
;; packet 08 => 104
;; packet 00 => 100
