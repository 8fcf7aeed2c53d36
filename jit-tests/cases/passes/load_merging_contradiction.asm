; Not merged: the tests overlap and contradict each other, so no packet passes both.
        ld [0]
        and #0x00ff00ff
        jeq #0x00020005, next, drop
next:   ldb [3]
        jeq #6, keep, drop
keep:   ret #1
drop:   ret #0
;; packet 00020005 => 0
;; packet 00020006 => 0
;; packet 00020007 => 0
