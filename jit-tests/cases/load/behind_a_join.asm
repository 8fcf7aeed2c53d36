; Paths of different reach meet before a load that only one of them has proved.
        ldb [0]
        jeq #0, meet
        ldb [8]
meet:   ldb [4]
        ret a
;; packet 00 aaaaaa 11 => 0x11
;; packet 00 aaaaaa => 0
;; packet 01 aaaaaa 11 => 0
;; packet 01 aaaaaa 11 bbbbbbbb => 0x11
