; A >= X, unsigned.
        ld [4]
        tax
        ld [0]
        jge x, yes, no
yes:    ret #1
no:     ret #2
;; packet ffffffff 00000001 => 1
;; packet 00000001 ffffffff => 2
;; packet 80000000 80000000 => 1
;; packet 7fffffff 80000000 => 2
