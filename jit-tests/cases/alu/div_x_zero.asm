; Nothing runs behind a division by X = 0.
        ld [0]
        tax
        ld #100
        div x
        add #1
        ret a
;; packet 00000000 => 0
;; packet 00000001 => 101
;; packet ffffffff => 1
