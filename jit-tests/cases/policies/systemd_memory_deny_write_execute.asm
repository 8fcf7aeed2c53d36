; Made by systemd 252 (Debian 12, libsystemd-shared, `seccomp_memory_deny_write_execute`), and exported by
; libseccomp 2.5.4 in place of `seccomp_load`: `MemoryDenyWriteExecute=yes`, the filter of x86-64.
;; dialects seccomp
        ld [4]
        jne #0xc000003e, L28
        ld [0]
        jlt #0x40000000, L05
        jne #0xffffffff, L28
L05:    jne #0x9, L12
        ld [36]
        and #0x0
        jne #0x0, L28
        ld [32]
        and #0x6
        jeq #0x6, L27, L28
L12:    jeq #0xa, L21
        jne #0x1e, L20
        ld [36]
        and #0x0
        jne #0x0, L28
        ld [32]
        and #0x8000
        jeq #0x8000, L27, L28
L20:    jne #0x149, L28
L21:    ld [36]
        and #0x0
        jne #0x0, L28
        ld [32]
        and #0x4
        jne #0x4, L28
L27:    ret #327681
L28:    ret #2147418112
; x86_64: mmap(0, 0x1000, 6)
;; skip big-endian: the numbers in packets are little-endian
;; packet 090000003e0000c000000000000000000000000000000000001000000000000006 00x31 => 0x00050001
; x86_64: mmap(0, 0x1000, 7)
;; packet 090000003e0000c000000000000000000000000000000000001000000000000007 00x31 => 0x00050001
; x86_64: mmap(0, 0x1000, 5)
;; packet 090000003e0000c000000000000000000000000000000000001000000000000005 00x31 => 0x7fff0000
; x86_64: mmap(0, 0x1000, 3)
;; packet 090000003e0000c000000000000000000000000000000000001000000000000003 00x31 => 0x7fff0000
; x86_64: mprotect(0, 0x1000, 4)
;; packet 0a0000003e0000c000000000000000000000000000000000001000000000000004 00x31 => 0x00050001
; x86_64: mprotect(0, 0x1000, 1)
;; packet 0a0000003e0000c000000000000000000000000000000000001000000000000001 00x31 => 0x7fff0000
; x86_64: pkey_mprotect(0, 0x1000, 5)
;; packet 490100003e0000c000000000000000000000000000000000001000000000000005 00x31 => 0x00050001
; x86_64: shmat(0, 0, 0x8000)
;; packet 1e0000003e0000c00000000000000000000000000000000000000000000000000080 00x30 => 0x00050001
; x86_64: shmat(0, 0, 0)
;; packet 1e0000003e0000c0 00x56 => 0x7fff0000
; i386: mmap(0, 0x1000, 6)
;; packet 5a0000000300004000000000000000000000000000000000001000000000000006 00x31 => 0x7fff0000
