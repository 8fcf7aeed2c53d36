; A division by X = 0 gives 0, which kills the thread.
;; dialects seccomp
        ld [16]
        tax
        ld #0x7fff0000
        div x
        ret #0x7fff0000
;; packet 00x64 => 0
;; packet 00x16 01x4 00x44 => 0x7fff0000
