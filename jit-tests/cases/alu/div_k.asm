; A / k is unsigned: the sign bit of either is a bit like the others.
        ld [0]
        div #3
        tax
        ld [4]
        div #0x80000001
        add x
        ret a
;; packet 00000009 80000001 => 4
;; packet 00000002 80000000 => 0
;; packet ffffffff ffffffff => 0x55555556
;; packet 80000000 00000000 => 0x2aaaaaaa
