; A byte, without its sign.
        ld #-1
        ldb [1]
        ret a
;; packet aa80bb => 0x80
;; packet aaff => 0xff
