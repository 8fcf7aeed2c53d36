; X + k just below 2^31 and from there on is past the end.
        ld [0]
        tax
        ldb [x + 0x7fffffff]
        ret #1
;; packet 00000000 => 0
;; packet 00000001 => 0
;; packet 00000002 => 0
;; packet 7fffffff => 0
