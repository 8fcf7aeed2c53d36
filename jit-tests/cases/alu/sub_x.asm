; A - X wraps.
        ld [4]
        tax
        ld [0]
        sub x
        ret a
;; packet 00000005 00000002 => 3
;; packet 00000002 00000005 => 0xfffffffd
;; packet 80000000 7fffffff => 1
;; packet 00000000 80000000 => 0x80000000
