; The length is that of `struct seccomp_data`, 64.
;; dialects seccomp
        ld #len
        ldx #len
        mul #2
        add x
        ret a
;; packet 00x64 => 192
