; A > k, unsigned.
        ld [0]
        jgt #0x7fffffff, yes, no
yes:    ret #1
no:     ret #2
;; packet 7fffffff => 2
;; packet 80000000 => 1
;; packet ffffffff => 1
;; packet 00000000 => 2
