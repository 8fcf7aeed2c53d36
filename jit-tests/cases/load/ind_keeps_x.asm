; An indirect load leaves X alone.
        ldx #1
        ldb [x + 0]
        ldb [x + 1]
        add x
        ret a
;; packet 112240 => 0x41
