; An argument of a 32-bit big-endian architecture stands in the second word of its 8 bytes; number and architecture are
; words, and the same in both byte orders.
;; dialects seccomp
        ld [4]
        jne #0x14, kill
        ld [0]
        jne #3, kill
        ld [16]
        jne #0, kill
        ld [20]
        jeq #7, allow
        ld [60]
        jeq #9, allow
kill:   ret #0x80000000
allow:  ret #0x7fff0000
;; call ppc 3 7 => 0x7fff0000
;; call ppc 3 0x700000000 => 0x80000000
;; call ppc 3 0 0 0 0 0 9 => 0x7fff0000
;; call ppc 4 7 => 0x80000000
;; call i386 3 7 => 0x80000000
