; The largest number of a byte is greater than the one before it.
        ldb [0]
        jgt #254, keep, drop
keep:   ret #1
drop:   ret #0
;; packet ff => 1
;; packet fe => 0
