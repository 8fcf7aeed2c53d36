; One byte, many cases: the way a compiler writes a list of ports.
        ldb [0]
        jeq #1, keep
        jeq #3, keep
        jeq #7, keep
        jeq #15, keep
        jeq #31, keep
        jeq #63, keep
        jeq #127, keep
        jeq #255, keep, drop
keep:   ret #262144
drop:   ret #0
;; packet 01 => 262144
;; packet 1f => 262144
;; packet ff => 262144
;; packet 02 => 0
;; packet 80 => 0
