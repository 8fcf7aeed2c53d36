; A - k wraps.
        ld [0]
        sub #2
        sub #-1
        ret a
;; packet 00000005 => 4
;; packet 00000000 => 0xffffffff
;; packet 80000000 => 0x7fffffff
