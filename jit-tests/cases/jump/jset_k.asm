; A & k is not 0: any of the bits is enough.
        ld [0]
        jset #0x80000006, yes, no
yes:    ret #1
no:     ret #2
;; packet 80000000 => 1
;; packet 00000002 => 1
;; packet ffffffff => 1
;; packet 7ffffff9 => 2
;; packet 00000000 => 2
