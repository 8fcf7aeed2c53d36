; What stands behind a return does not run, unless a jump leads there.
        ldb [0]
        jeq #0, later
        ret #1
        ret #2
later:  ret #3
        ret #4
;; packet 01 => 1
;; packet 00 => 3
