; The largest X and k.
        ldx #0xffffffff
        ldb [x + 0xffffffff]
        ret #1
;; packet 00x64 => 0
