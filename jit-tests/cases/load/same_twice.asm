; The same bytes, loaded twice, with A changed in between.
        ldh [2]
        add #1
        tax
        ldh [2]
        mul x
        ret a
;; packet 00000003 => 12
;; packet 000000 => 0
