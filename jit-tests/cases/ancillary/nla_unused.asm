; A search that nobody asked for ends nothing.
;; dialects linux
        ld #0xffffffff
        tax
        ld nla
        ld nlan
        ldb [0]
        ret a
;; packet 07 => 7
;; packet - => 0
