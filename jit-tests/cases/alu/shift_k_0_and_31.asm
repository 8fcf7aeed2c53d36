; Shifts by the least and the greatest constant.
        ld [0]
        lsh #0
        lsh #31
        rsh #0
        rsh #31
        ret a
;; packet 00000001 => 1
;; packet fffffffe => 0
;; packet ffffffff => 1
