; A | k.
        ld [0]
        or #0x80000001
        ret a
;; packet 00000000 => 0x80000001
;; packet 7ffffff0 => 0xfffffff1
