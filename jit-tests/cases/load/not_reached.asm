; A load past the end does no harm where the program does not go.
        ldb [0]
        jeq #1, far
        ret #5
far:    ldb [1000]
        ret #6
;; packet 00 => 5
;; packet 01 => 0
;; packet 01 00x1000 => 6
