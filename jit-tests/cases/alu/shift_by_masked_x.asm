; A shift by X where X has five bits at most: both dialects mean the same.
        ldb [0]
        and #31
        tax
        ld #0x80000001
        rsh x
        ret a
;; packet 00 => 0x80000001
;; packet 1f => 1
;; packet 20 => 0x80000001
;; packet ff => 1
