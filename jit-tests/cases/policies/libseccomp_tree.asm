; Exported by libseccomp 2.5.4 (Debian 12, python3-seccomp, `SyscallFilter.export_bpf`), as a binary tree
; (`CTL_OPTIMIZE` 2): the calls of systemd's @file-system.
;; dialects seccomp
        ld [4]
        jne #0xc000003e, L87
        ld [0]
        jlt #0x40000000, L05
        jne #0xffffffff, L87
L05:    ld [0]
        jle #0xc0, L46
        jle #0x105, L27
        jle #0x10d, L18
        jle #0x13c, L14
        jeq #0x1c4, L86
        jeq #0x1b7, L86
        jeq #0x1b5, L86
        jeq #0x14c, L86, L85
L14:    jeq #0x13c, L86
        jeq #0x126, L86
        jeq #0x11d, L86
        jeq #0x118, L86, L85
L18:    jle #0x109, L23
        jeq #0x10d, L86
        jeq #0x10c, L86
        jeq #0x10b, L86
        jeq #0x10a, L86, L85
L23:    jeq #0x109, L86
        jeq #0x108, L86
        jeq #0x107, L86
        jeq #0x106, L86, L85
L27:    jle #0xd9, L37
        jle #0xff, L33
        jeq #0x105, L86
        jeq #0x103, L86
        jeq #0x102, L86
        jeq #0x101, L86, L85
L33:    jeq #0xff, L86
        jeq #0xfe, L86
        jeq #0xfd, L86
        jeq #0xeb, L86, L85
L37:    jle #0xc4, L42
        jeq #0xd9, L86
        jeq #0xc7, L86
        jeq #0xc6, L86
        jeq #0xc5, L86, L85
L42:    jeq #0xc4, L86
        jeq #0xc3, L86
        jeq #0xc2, L86
        jeq #0xc1, L86, L85
L46:    jle #0x54, L66
        jle #0x84, L57
        jle #0xbc, L53
        jeq #0xc0, L86
        jeq #0xbf, L86
        jeq #0xbe, L86
        jeq #0xbd, L86, L85
L53:    jeq #0xbc, L86
        jeq #0x8a, L86
        jeq #0x89, L86
        jeq #0x85, L86, L85
L57:    jle #0x58, L62
        jeq #0x84, L86
        jeq #0x5b, L86
        jeq #0x5a, L86
        jeq #0x59, L86, L85
L62:    jeq #0x58, L86
        jeq #0x57, L86
        jeq #0x56, L86
        jeq #0x55, L86, L85
L66:    jle #0x4c, L76
        jle #0x50, L72
        jeq #0x54, L86
        jeq #0x53, L86
        jeq #0x52, L86
        jeq #0x51, L86, L85
L72:    jeq #0x50, L86
        jeq #0x4f, L86
        jeq #0x4e, L86
        jeq #0x4d, L86, L85
L76:    jle #0x5, L81
        jeq #0x4c, L86
        jeq #0x48, L86
        jeq #0x15, L86
        jeq #0x6, L86, L85
L81:    jeq #0x5, L86
        jeq #0x4, L86
        jeq #0x3, L86
        jeq #0x2, L86
L85:    ret #327681
L86:    ret #2147418112
L87:    ret #0
; x86_64: open()
;; skip big-endian: the numbers in packets are little-endian
;; packet 020000003e0000c0 00x56 => 0x7fff0000
; x86_64: openat()
;; packet 010100003e0000c0 00x56 => 0x7fff0000
; x86_64: mkdir()
;; packet 530000003e0000c0 00x56 => 0x7fff0000
; x86_64: statx()
;; packet 4c0100003e0000c0 00x56 => 0x7fff0000
; x86_64: rename()
;; packet 520000003e0000c0 00x56 => 0x7fff0000
; x86_64: write()
;; packet 010000003e0000c0 00x56 => 0x00050001
; x86_64: ptrace()
;; packet 650000003e0000c0 00x56 => 0x00050001
; x86_64: mmap()
;; packet 090000003e0000c0 00x56 => 0x00050001
; x86_64: futex()
;; packet ca0000003e0000c0 00x56 => 0x00050001
; x86_64: 0()
;; packet 000000003e0000c0 00x56 => 0x00050001
; x86_64: -1()
;; packet ffffffff3e0000c0 00x56 => 0x00050001
; x86_64: 2147483647()
;; packet ffffff7f3e0000c0 00x56 => 0x00000000
; i386: open()
;; packet 0500000003000040 00x56 => 0x00000000
