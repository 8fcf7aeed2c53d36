; A byte and a word beyond 64 KiB.
        ldb [69999]
        tax
        ld [65536]
        add x
        ret a
;; packet 00x65536 01000000 00x4459 05 => 0x01000005
;; packet 00x65536 01000000 00x4459 => 0
