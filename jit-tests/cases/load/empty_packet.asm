; No byte of the empty packet can be loaded, one way or the other.
        ldx #len
        txa
        jeq #0, empty
        ldb [0]
empty:  ldb [x + 0]
        ret #1
;; packet - => 0
;; packet - wire 60 => 0
;; packet 0000 wire 1 => 1
