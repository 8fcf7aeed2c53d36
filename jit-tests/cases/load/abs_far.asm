; Absolute offsets around 2^31, and up to the ones relative to headers, are past the end.
        ldb [0]
        jeq #1, o1
        jeq #2, o2
        jeq #3, o3
        jeq #4, o4
        jeq #5, o5
        jeq #6, o6
        ret #9
o1:     ldb [0x7fffffff]
        ret #1
o2:     ldh [0x7fffffff]
        ret #1
o3:     ld [0x7ffffffd]
        ret #1
o4:     ld [0x80000000]
        ret #1
o5:     ldh [0xc0000000]
        ret #1
o6:     ldb [0xffdfffff]
        ret #1
;; packet 0000000000000000 => 9
;; packet 0100000000000000 => 0
;; packet 0200000000000000 => 0
;; packet 0300000000000000 => 0
;; packet 0400000000000000 => 0
;; packet 0500000000000000 => 0
;; packet 0600000000000000 => 0
