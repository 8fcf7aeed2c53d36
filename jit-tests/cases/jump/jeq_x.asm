; A == X.
        ld [4]
        tax
        ld [0]
        jeq x, yes, no
yes:    ret #1
no:     ret #2
;; packet 80000001 80000001 => 1
;; packet 80000001 00000001 => 2
;; packet 00000000 00000000 => 1
