; A policy that looks at both halves of an argument: one is 0x22222222, whichever comes first, and the other 0.
;; dialects seccomp
        ld [0]
        jne #0, deny
        ld [24]
        jeq #0x22222222, high
        jeq #0, low, deny
high:   ld [28]
        jeq #0, allow, deny
low:    ld [28]
        jeq #0x22222222, allow, deny
allow:  ret #0x7fff0000
deny:   ret #0x00050001
;; packet 00x24 22x4 00x36 => 0x7fff0000
;; packet 00x28 22x4 00x32 => 0x7fff0000
;; packet 00x24 22x8 00x32 => 0x00050001
;; packet 00x64 => 0x00050001
;; packet 01x4 00x20 22x4 00x36 => 0x00050001
