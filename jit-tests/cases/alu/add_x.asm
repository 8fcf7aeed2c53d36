; A + X wraps, and X stays.
        ld [4]
        tax
        ld [0]
        add x
        add x
        ret a
;; packet 00000001 00000002 => 5
;; packet ffffffff 00000001 => 1
;; packet 00000000 80000000 => 0
