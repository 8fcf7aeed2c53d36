; Made by systemd 252 (Debian 12, libsystemd-shared, `seccomp_load_syscall_filter_set`), and exported by libseccomp
; 2.5.4 in place of `seccomp_load`: `SystemCallFilter=~@privileged` with `SystemCallErrorNumber=kill`, the filter of
; x86-64.
;; dialects seccomp
        ld [4]
        jne #0xc000003e, L44
        ld [0]
        jlt #0x40000000, L05
        jne #0xffffffff, L44
L05:    jeq #0x5c, L43
        jeq #0x5d, L43
        jeq #0x5e, L43
        jeq #0x69, L43
        jeq #0x71, L43
        jeq #0x74, L43
        jeq #0x75, L43
        jeq #0x7a, L43
        jeq #0x7e, L43
        jeq #0x99, L43
        jeq #0x9b, L43
        jeq #0x9c, L43
        jeq #0x9f, L43
        jeq #0xa1, L43
        jeq #0xa3, L43
        jeq #0xa4, L43
        jeq #0xa7, L43
        jeq #0xa8, L43
        jeq #0xa9, L43
        jeq #0xaa, L43
        jeq #0xab, L43
        jeq #0xac, L43
        jeq #0xad, L43
        jeq #0xaf, L43
        jeq #0xb0, L43
        jeq #0xb3, L43
        jeq #0xb4, L43
        jeq #0xe3, L43
        jeq #0xf6, L43
        jeq #0x104, L43
        jeq #0x12c, L43
        jeq #0x12d, L43
        jeq #0x130, L43
        jeq #0x131, L43
        jeq #0x139, L43
        jeq #0x140, L43
        jeq #0x141, L43
        jne #0x1bb, L44
L43:    ret #-2147483648
L44:    ret #2147418112
; x86_64: write()
;; skip big-endian: the numbers in packets are little-endian
;; packet 010000003e0000c0 00x56 => 0x7fff0000
; x86_64: execve()
;; packet 3b0000003e0000c0 00x56 => 0x7fff0000
; x86_64: chroot()
;; packet a10000003e0000c0 00x56 => 0x80000000
; x86_64: reboot()
;; packet a90000003e0000c0 00x56 => 0x80000000
; x86_64: bpf()
;; packet 410100003e0000c0 00x56 => 0x80000000
; x86_64: setuid()
;; packet 690000003e0000c0 00x56 => 0x80000000
; x32: chroot()
;; packet a10000403e0000c0 00x56 => 0x7fff0000
