; A / X is unsigned; X = 0 ends the program with verdict 0.
        ld [4]
        tax
        ld [0]
        div x
        ret a
;; packet 00000064 00000007 => 14
;; packet ffffffff 00000001 => 0xffffffff
;; packet 80000000 ffffffff => 0
;; packet ffffffff ffffffff => 1
;; packet 80000000 00000002 => 0x40000000
;; packet 00000005 00000000 => 0
