; Nothing runs behind a remainder by X = 0.
        ldb [0]
        tax
        ld #100
        mod x
        ret #3
;; packet 00 => 0
;; packet 01 => 3
