; `ldx 4*([k]&0xf)` is another name for `ldxb 4*([k]&0xf)`.
        ldx 4*([0]&0xf)
        ldb [x + 0]
        ret a
;; packet f1 112233 44 => 0x44
;; packet f2 112233 44 => 0
