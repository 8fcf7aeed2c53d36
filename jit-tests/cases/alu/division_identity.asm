; A / X * X + A % X is A.
        ld [4]
        tax
        ld [0]
        div x
        mul x
        st M[0]
        ld [0]
        mod x
        ldx M[0]
        add x
        ret a
;; packet ffffffff 0000000a => 0xffffffff
;; packet 80000001 7fffffff => 0x80000001
;; packet 00000001 fffffffe => 1
