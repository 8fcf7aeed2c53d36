; Made by systemd 252 (Debian 12, libsystemd-shared, `seccomp_restrict_namespaces`), and exported by libseccomp
; 2.5.4 in place of `seccomp_load`: `RestrictNamespaces=pid`, the filter of x86-64.
;; dialects seccomp
        ld [4]
        jne #0xc000003e, L63
        ld [0]
        jlt #0x40000000, L05
        jne #0xffffffff, L63
L05:    jne #0x1b3, L07
        ret #327718
L07:    jeq #0x38, L09
        jne #0x110, L33
L09:    ld [20]
        and #0x0
        jne #0x0, L63
        ld [16]
        and #0x40000000
        jeq #0x40000000, L62
        ld [16]
        and #0x10000000
        jeq #0x10000000, L62
        ld [16]
        and #0x8000000
        jeq #0x8000000, L62
        ld [16]
        and #0x4000000
        jeq #0x4000000, L62
        ld [16]
        and #0x2000000
        jeq #0x2000000, L62
        ld [16]
        and #0x20000
        jeq #0x20000, L62
        ld [16]
        and #0x80
        jeq #0x80, L62, L63
L33:    jne #0x134, L63
        ld [28]
        jne #0x0, L38
        ld [24]
        jeq #0x0, L62
L38:    ld [28]
        and #0x0
        jne #0x0, L63
        ld [24]
        and #0x40000000
        jeq #0x40000000, L62
        ld [24]
        and #0x10000000
        jeq #0x10000000, L62
        ld [24]
        and #0x8000000
        jeq #0x8000000, L62
        ld [24]
        and #0x4000000
        jeq #0x4000000, L62
        ld [24]
        and #0x2000000
        jeq #0x2000000, L62
        ld [24]
        and #0x20000
        jeq #0x20000, L62
        ld [24]
        and #0x80
        jne #0x80, L63
L62:    ret #327681
L63:    ret #2147418112
; x86_64: unshare(0x40000000)
;; skip big-endian: the numbers in packets are little-endian
;; packet 100100003e0000c0000000000000000000000040 00x44 => 0x00050001
; x86_64: unshare(0x20000000)
;; packet 100100003e0000c0000000000000000000000020 00x44 => 0x7fff0000
; x86_64: unshare(0x60000000)
;; packet 100100003e0000c0000000000000000000000060 00x44 => 0x00050001
; x86_64: unshare(0x4000000000000000)
;; packet 100100003e0000c000000000000000000000000000000040 00x40 => 0x7fff0000
; x86_64: setns(3, 0)
;; packet 340100003e0000c0000000000000000003 00x47 => 0x00050001
; x86_64: setns(3, 0x20000000)
;; packet 340100003e0000c00000000000000000030000000000000000000020 00x36 => 0x7fff0000
; x86_64: setns(3, 0x10000000)
;; packet 340100003e0000c00000000000000000030000000000000000000010 00x36 => 0x00050001
; x86_64: clone(0x10000011)
;; packet 380000003e0000c0000000000000000011000010 00x44 => 0x00050001
; x86_64: clone(0x11)
;; packet 380000003e0000c0000000000000000011 00x47 => 0x7fff0000
; x86_64: clone3()
;; packet b30100003e0000c0 00x56 => 0x00050026
; x86_64: write()
;; packet 010000003e0000c0 00x56 => 0x7fff0000
