; A test of a value against itself.
        ld [0]
        tax
        jeq x, a1, wrong
a1:     jge x, a2, wrong
a2:     jgt x, wrong, a3
a3:     jset x, some, none
some:   ret #1
none:   ret #2
wrong:  ret #99
;; packet 00000005 => 1
;; packet 00000000 => 2
