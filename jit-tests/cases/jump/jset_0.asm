; No number has a bit in common with 0.
        ld [0]
        jset #0, yes
        ret #2
yes:    ret #1
;; packet ffffffff => 2
