; A word at X + k: in the packet, at its end, and one past it.
        ldb [0]
        tax
        ld [x + 1]
        ret a
;; packet 00 01020304 => 0x01020304
;; packet 03 aaaaaa 01020304 => 0x01020304
;; packet 03 aaaaaa 010203 => 0
;; packet ff aaaaaaaa => 0
;; packet 03 aaaaaa 010203 wire 100 => 0
