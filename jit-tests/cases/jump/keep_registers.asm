; Jumps and tests change neither A nor X.
        ldx #2
        ld #5
        jeq #5, aa, wrong
aa:     jgt x, bb, wrong
bb:     jset x, wrong, cc
cc:     jmp dd
wrong:  ret #99
dd:     mul x
        ret a
;; packet - => 10
