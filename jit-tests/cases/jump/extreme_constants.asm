; Comparisons that hold always or never.
        ld [0]
        jge #0, next, wrong
next:   jgt #0xffffffff, wrong
        jlt #0, wrong
        jle #0xffffffff, right
wrong:  ret #99
right:  ret #1
;; packet 00000000 => 1
;; packet ffffffff => 1
