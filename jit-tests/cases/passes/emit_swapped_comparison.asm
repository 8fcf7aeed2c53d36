; The optimiser leaves the byte in A and compares it with the length in X.
        ldb [0]
        jeq #1, drop
        tax
        ld #len
        jgt x, keep, drop
keep:   ret #1
drop:   ret #0
;; packet 0200 => 0
;; packet 020000 => 1
;; packet 0300 => 0
