; `ldi` and `ldxi` are other names for constant loads, with the hash or without.
        ldi 7
        ldi #8
        ldxi 100
        ldxi #200
        add x
        ret a
;; packet - => 208
