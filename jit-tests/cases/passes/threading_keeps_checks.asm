; An edge may not lead past a load that may be out of bounds, although the test behind the load is decided.
        ldb [0]
        tax
        jeq #1, both, other
other:  jeq #2, both, out
both:   ldb [9]
        txa
        jeq #1, keep, drop
keep:   ret #1
drop:   ret #2
out:    ret #7
;; packet 01 00x9 => 1
;; packet 01 00x8 => 0
;; packet 02 00x9 => 2
;; packet 02 00x8 => 0
;; packet 03 => 7
