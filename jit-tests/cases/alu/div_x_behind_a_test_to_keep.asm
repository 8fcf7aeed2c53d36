; A division by X that a test has found not to be 0, in a program that keeps or drops.
        ldb [0]
        tax
        jeq #0, drop
        ld [4]
        div x
        jeq #5, keep
drop:   ret #0
keep:   ret #7
;; packet 00x8 => 0
;; packet 03000000 0000000f => 7
;; packet 03000000 00000012 => 0
;; packet 03000000 000000 => 0
