; A test whose ways lead to the same place, next or farther on.
        ldb [0]
        jeq #1, same, same
same:   jgt #1, far, far
        ret #1
far:    add #1
        ret a
;; packet 00 => 1
;; packet 01 => 2
;; packet ff => 256
