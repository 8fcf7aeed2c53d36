; Tests whose outcome is known when the program is compiled.
        ld #5
        ldx #5
        jeq x, a1
        ret #91
a1:     jgt #5, wrong
        jge #5, a2, wrong
a2:     jset #2, wrong
        jset #4, a3, wrong
a3:     ldb [0]
        ret a
wrong:  ret #92
;; packet 2a => 42
