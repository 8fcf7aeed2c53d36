; A scratch word on both arms of a branch.
;; dialects seccomp
        ld [0]
        jeq #0, zero
        st M[15]
        jmp meet
zero:   ldx #7
        stx M[15]
meet:   ldx M[15]
        txa
        ret a
;; packet 00x64 => 7
;; packet 05x4 00x60 => 0x05050505
