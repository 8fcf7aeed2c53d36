; With one label, the other way goes on with the next instruction.
        ldb [0]
        jeq #1, one
        jgt #8, high
        jset #4, four
        ret #40
one:    ret #10
high:   ret #20
four:   ret #30
;; packet 01 => 10
;; packet 09 => 20
;; packet 06 => 30
;; packet 03 => 40
