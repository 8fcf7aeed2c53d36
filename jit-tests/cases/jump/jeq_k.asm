; A == k.
        ld [0]
        jeq #0x80000001, yes, no
yes:    ret #1
no:     ret #2
;; packet 80000001 => 1
;; packet 80000000 => 2
;; packet 00000001 => 2
