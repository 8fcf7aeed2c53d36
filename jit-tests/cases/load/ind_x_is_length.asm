; X is the length: the byte there is past the end, the one before it the last.
        ldx #len
        ldb [0]
        jeq #0, last
        ldb [x + 0]
        ret #1
last:   txa
        sub #1
        tax
        ldb [x + 0]
        ret a
;; packet 01aabbcc => 0
;; packet 00aabbcc => 0xcc
;; packet 00aabbcc wire 5 => 0
;; packet 00aabbcc wire 3 => 0xbb
