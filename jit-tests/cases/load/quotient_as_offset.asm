; The kernel's verifier derives no range from a division, so the offset is limited once more.
        ldh [0]
        div #0x1234
        tax
        ldb [x + 2]
        ret a
;; packet 00112233x16 => 0x22
;; packet 2468 2233x16 => 0x22
