; Code that no jump reaches is accepted, and does nothing.
        ld #1
        jmp out
        ld #2
        jeq #2, out
        ld [1000]
        ret a
out:    ret a
        ret #9
;; packet - => 1
