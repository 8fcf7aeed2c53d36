; Not merged: the bytes have adjacent offsets from different bases.
        ldb [9]
        jeq #6, next, drop
next:   ldxb 4*([0]&0xf)
        ldb [x + 4]
        jeq #1, last, drop
last:   ldb [5]
        jeq #2, keep, drop
keep:   ret #1
drop:   ret #0
;; packet 01000000000200000106 => 1
;; packet 01000000000100000106 => 0
;; packet 01000000000200000206 => 0
