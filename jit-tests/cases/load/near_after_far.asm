; Once a far load has succeeded, nearer ones do; before it, they do not need its bytes.
        ldb [8]
        st M[0]
        ldh [3]
        ldx M[0]
        add x
        ret a
;; packet 000000 0102 000000 05 => 0x0107
;; packet 000000 0102 000000 => 0
;; packet 000000 0102 => 0
