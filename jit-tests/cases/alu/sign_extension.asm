; A byte with its sign, by (b ^ 0x80) - 0x80.
        ldb [0]
        xor #0x80
        sub #0x80
        ret a
;; packet 7f => 127
;; packet 80 => 0xffffff80
;; packet ff => 0xffffffff
