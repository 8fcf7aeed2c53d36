; A << k: what leaves at the top is lost.
        ld [0]
        lsh #4
        ret a
;; packet 00000001 => 0x10
;; packet f0000001 => 0x10
;; packet ffffffff => 0xfffffff0
