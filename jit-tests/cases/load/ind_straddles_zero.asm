; Offsets -1 to -3 lie before the packet, although the bytes of a word or half word there would reach into it.
        ldx #-3
        ldb [0]
        jeq #1, half
        jeq #2, last
        jeq #3, sum
        ld [x + 0]
        ret #1
half:   ldh [x + 2]
        ret #2
last:   ldx #-1
        ld [x + 0]
        ret #3
sum:    ld [x + 2]
        ret #4
;; packet 0011223344556677 => 0
;; packet 0111223344556677 => 0
;; packet 0211223344556677 => 0
;; packet 0311223344556677 => 0
