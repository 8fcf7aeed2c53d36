; A byte says where the next one is, three times over.
        ldb [0]
        tax
        ldb [x + 0]
        tax
        ldb [x + 0]
        tax
        ldb [x + 0]
        ret a
;; packet 03 00 99 01 => 3
;; packet 02 55 03 01 => 0x55
;; packet 02 55 03 04 => 0
