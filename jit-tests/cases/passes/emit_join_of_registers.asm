; On one of the edges into a block A holds another byte, so the optimiser loads the first one again.
        ldx #5
        ldb [0]
        jeq #1, more, join
more:   ldb [1]
        jeq #9, drop, join
join:   ldb [0]
        add #3
        ret a
drop:   ret #0
;; packet 0100 => 4
;; packet 0109 => 0
;; packet 0709 => 10
