; All tests that seccomp accepts, with k and with X, each taken one way and the other.
;; dialects seccomp
        ldx #0x22222222
        ld [0]
        jeq #0x11111111, one
        jeq x, two
        jgt #0xeeeeeeee, three
        jge #0xdddddddd, four
        jset #0x44444444, five
        jset x, eight
        jgt x, wrong
        jge x, wrong
        jmp nine
wrong:  ret #99
one:    ret #1
two:    ret #2
three:  ret #3
four:   ret #4
five:   jgt x, six
        ret #5
six:    jge x, seven
        ret #99
seven:  ret #7
eight:  jge x, nine
        ret #8
nine:   ret #9
;; packet 11x4 00x60 => 1
;; packet 22x4 00x60 => 2
;; packet ffx4 00x60 => 3
;; packet eex4 00x60 => 4
;; packet 44x4 00x60 => 7
;; packet 04x4 00x60 => 5
;; packet 02x4 00x60 => 8
;; packet 23x4 00x60 => 9
;; packet 00x64 => 9
