; A jump over nothing.
        ld #1
        ja next
next:   add #1
        ret a
;; packet - => 2
