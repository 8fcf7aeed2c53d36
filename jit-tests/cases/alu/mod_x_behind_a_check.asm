; A second division by the same X needs no second check.
        ldb [0]
        tax
        ldb [1]
        mod x
        jeq #1, more
        ret #0
more:   ldb [2]
        mod x
        add #1
        ret a
;; dialects linux pcap
;; packet 000101 => 0
;; packet 030405 => 3
;; packet 030505 => 0
;; packet 0304 => 0
