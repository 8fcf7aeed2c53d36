; A word is big-endian, and may stand at any offset.
        ld [1]
        ret a
;; packet aa01020304 => 0x01020304
;; packet aaffffffff => 0xffffffff
