; A shift keeps a mask of its distance that is not the one that the kernel makes.
        ldb [0]
        and #7
        tax
        txa
        ldb [1]
        lsh x
        ret a
;; packet 0f01 => 0x80
;; packet 1001 => 1
