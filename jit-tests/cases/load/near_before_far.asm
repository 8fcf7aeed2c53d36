; A near load that succeeds, and a far one on one of two paths behind it: only that path needs the bytes.
        ldb [0]
        jgt #1, near
        ld [10]
        ret a
near:   ldh [1]
        ret a
;; packet 01 00x9 11223344 => 0x11223344
;; packet 01 00x9 112233 => 0
;; packet 021234 => 0x1234
;; packet 0212 => 0
