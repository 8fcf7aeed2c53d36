; A % X is unsigned; X = 0 ends the program with verdict 0.
        ld [4]
        tax
        ld [0]
        mod x
        ret a
;; packet 00000064 00000007 => 2
;; packet 80000000 ffffffff => 0x80000000
;; packet ffffffff 80000000 => 0x7fffffff
;; packet 00000005 00000001 => 0
;; packet 00000005 00000000 => 0
