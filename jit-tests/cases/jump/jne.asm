; `jne` and `jneq` jump if A differs.
        ld [0]
        jne #5, other
        ret #5
other:  ldx #6
        jneq x, third
        ret #6
third:  ret #7
;; packet 00000005 => 5
;; packet 00000006 => 6
;; packet 00000008 => 7
