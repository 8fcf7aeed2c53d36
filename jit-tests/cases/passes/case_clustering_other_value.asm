; A run of tests of one value ends where another value is tested.
        ldb [1]
        tax
        ldb [0]
        jeq #3, keep
        jeq #6, keep
        jeq #9, keep
        jeq #12, keep
        jeq #15, keep
        jeq #18, keep
        jeq #21, keep
        jeq #24, keep
        jeq #27, keep
        txa
        jeq #100, keep
        ret #0
keep:   ret #1
;; packet 0300 => 1
;; packet 0164 => 1
;; packet 6400 => 0
;; packet 1b00 => 1
