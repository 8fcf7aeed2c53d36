; A >> k: zeros come in, even below a sign bit.
        ld [0]
        rsh #4
        ret a
;; packet 80000010 => 0x08000001
;; packet ffffffff => 0x0fffffff
;; packet 0000000f => 0
