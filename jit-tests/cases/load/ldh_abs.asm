; A half word is big-endian, and zeros fill the upper half of A.
        ld #-1
        ldh [1]
        ret a
;; packet aa0102bb => 0x0102
;; packet aaffff => 0xffff
