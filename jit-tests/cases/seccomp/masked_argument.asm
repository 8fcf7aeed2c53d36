; A policy on flags: an argument may have the bits of a mask, and no others.
;; dialects seccomp
        ld [32]
        and #0xf00ff00f
        jset #0x80000001, deny
        tax
        ld [40]
        jgt x, deny
        ret #0x7fff0000
deny:   ret #0x00050016
;; packet 00x64 => 0x7fff0000
;; packet 00x32 60060660 00x4 10x4 00x20 => 0x7fff0000
;; packet 00x32 81111181 00x28 => 0x00050016
;; packet 00x32 20x4 00x4 30x4 00x20 => 0x00050016
