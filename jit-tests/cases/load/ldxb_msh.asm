; X is four times the low half of a byte: the length of an IPv4 header. A stays.
        ld #0x1000
        ldxb 4*([1]&0xf)
        add x
        ret a
;; packet aa45bb => 0x1014
;; packet aaf0 => 0x1000
;; packet aaff => 0x103c
