; Made by systemd 252 (Debian 12, libsystemd-shared, `seccomp_restrict_suid_sgid`), and exported by libseccomp 2.5.4
; in place of `seccomp_load`: `RestrictSUIDSGID=yes`, the filter of x86-64.
;; dialects seccomp
        ld [4]
        jne #0xc000003e, L58
        ld [0]
        jlt #0x40000000, L05
        jne #0xffffffff, L58
L05:    jne #0x1b5, L07
        ret #327718
L07:    jeq #0x53, L12
        jeq #0x55, L12
        jeq #0x5a, L12
        jeq #0x5b, L12
        jne #0x85, L21
L12:    ld [28]
        and #0x0
        jne #0x0, L58
        ld [24]
        and #0x800
        jeq #0x800, L57
        ld [24]
        and #0x400
        jeq #0x400, L57, L58
L21:    jeq #0x102, L32
        jeq #0x103, L32
        jeq #0x10c, L32
        jeq #0x1c4, L32
        jne #0x2, L41
        ld [28]
        and #0x0
        jne #0x0, L58
        ld [24]
        and #0x40
        jne #0x40, L58
L32:    ld [36]
        and #0x0
        jne #0x0, L58
        ld [32]
        and #0x800
        jeq #0x800, L57
        ld [32]
        and #0x400
        jeq #0x400, L57, L58
L41:    jne #0x101, L58
        ld [36]
        and #0x0
        jne #0x0, L58
        ld [32]
        and #0x40
        jne #0x40, L58
        ld [44]
        and #0x0
        jne #0x0, L58
        ld [40]
        and #0x800
        jeq #0x800, L57
        ld [40]
        and #0x400
        jne #0x400, L58
L57:    ret #327681
L58:    ret #2147418112
; x86_64: chmod(0, 0x9ed)
;; skip big-endian: the numbers in packets are little-endian
;; packet 5a0000003e0000c000000000000000000000000000000000ed09 00x38 => 0x00050001
; x86_64: chmod(0, 0x5ed)
;; packet 5a0000003e0000c000000000000000000000000000000000ed05 00x38 => 0x00050001
; x86_64: chmod(0, 0x1ed)
;; packet 5a0000003e0000c000000000000000000000000000000000ed01 00x38 => 0x7fff0000
; x86_64: fchmodat(0, 0, 0x800)
;; packet 0c0100003e0000c00000000000000000000000000000000000000000000000000008 00x30 => 0x00050001
; x86_64: mkdir(0, 0x5ed)
;; packet 530000003e0000c000000000000000000000000000000000ed05 00x38 => 0x00050001
; x86_64: mkdir(0, 0x1ed)
;; packet 530000003e0000c000000000000000000000000000000000ed01 00x38 => 0x7fff0000
; x86_64: openat(0, 0, 0x41, 0x9a4)
;; packet 010100003e0000c00000000000000000000000000000000000000000000000004100000000000000a409 00x22 => 0x00050001
; x86_64: openat(0, 0, 1, 0x9a4)
;; packet 010100003e0000c00000000000000000000000000000000000000000000000000100000000000000a409 00x22 => 0x7fff0000
; x86_64: openat(0, 0, 0x41, 0x1a4)
;; packet 010100003e0000c00000000000000000000000000000000000000000000000004100000000000000a401 00x22 => 0x7fff0000
; x86_64: mknod(0, 0x89a4)
;; packet 850000003e0000c000000000000000000000000000000000a489 00x38 => 0x00050001
