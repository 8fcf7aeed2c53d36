; Three tests enter a run of instructions at three places.
        ldb [0]
        jeq #1, in1
        jeq #2, in2
        jeq #3, in3
        add #100
in1:    add #10
in2:    add #20
in3:    add #40
        ret a
;; packet 00 => 170
;; packet 01 => 71
;; packet 02 => 62
;; packet 03 => 43
