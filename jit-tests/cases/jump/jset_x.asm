; A & X is not 0.
        ld [4]
        tax
        ld [0]
        jset x, yes, no
yes:    ret #1
no:     ret #2
;; packet 80000000 ffffffff => 1
;; packet 0000000f 00000008 => 1
;; packet f0f0f0f0 0f0f0f0f => 2
;; packet ffffffff 00000000 => 2
