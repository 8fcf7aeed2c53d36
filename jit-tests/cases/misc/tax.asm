; X = A, and A stays.
        ld [0]
        tax
        add x
        ret a
;; packet 00000015 => 0x2a
;; packet 80000001 => 2
