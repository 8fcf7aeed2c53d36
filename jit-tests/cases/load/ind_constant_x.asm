; X is known when the program is compiled.
        ldx #4
        ldh [x + 2]
        ret a
;; packet 00x6 1234 => 0x1234
;; packet 00x6 12 => 0
