; Loads across 64 KiB: of the last byte below it, and of a half word that straddles it.
        ldb [65535]
        tax
        ldh [65535]
        add x
        ret a
;; packet 00x65535 0102 => 0x0103
;; packet 00x65535 01 => 0
;; packet 00x65535 => 0
