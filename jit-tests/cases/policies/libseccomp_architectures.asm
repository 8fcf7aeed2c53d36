; Exported by libseccomp 2.5.4 (Debian 12, python3-seccomp, `SyscallFilter.export_bpf`) for x86-64, x86, x32, Arm,
; aarch64 and riscv64 in one program.
;; dialects seccomp
        ld [4]
        jne #0xc000003e, L15
        ld [0]
        jeq #0x0, L48
        jeq #0x1, L48
        jeq #0x3, L48
        jeq #0x3b, L48
        jeq #0xe7, L48
        jeq #0x101, L48
        jeq #0x40000000, L48
        jeq #0x40000001, L48
        jeq #0x40000003, L48
        jeq #0x400000e7, L48
        jeq #0x40000101, L48
        jeq #0x40000208, L48, L47
L15:    jne #0x40000003, L23
        ld [0]
        jeq #0x3, L48
        jeq #0x4, L48
        jeq #0x6, L48
        jeq #0xb, L48
        jeq #0xfc, L48
        jeq #0x127, L48, L47
L23:    jne #0xc00000b7, L31
        ld [0]
        jeq #0x38, L48
        jeq #0x39, L48
        jeq #0x3f, L48
        jeq #0x40, L48
        jeq #0x5e, L48
        jeq #0xdd, L48, L47
L31:    jne #0x40000028, L39
        ld [0]
        jeq #0x3, L48
        jeq #0x4, L48
        jeq #0x6, L48
        jeq #0xb, L48
        jeq #0xf8, L48
        jeq #0x142, L48, L47
L39:    jne #0xc00000f3, L49
        ld [0]
        jeq #0x38, L48
        jeq #0x39, L48
        jeq #0x3f, L48
        jeq #0x40, L48
        jeq #0x5e, L48
        jeq #0xdd, L48
L47:    ret #327718
L48:    ret #2147418112
L49:    ret #-2147483648
; x86_64: write()
;; skip big-endian: the numbers in packets are little-endian
;; packet 010000003e0000c0 00x56 => 0x7fff0000
; x86_64: execve()
;; packet 3b0000003e0000c0 00x56 => 0x7fff0000
; x86_64: getppid()
;; packet 6e0000003e0000c0 00x56 => 0x00050026
; i386: write()
;; packet 0400000003000040 00x56 => 0x7fff0000
; i386: execve()
;; packet 0b00000003000040 00x56 => 0x7fff0000
; i386: getppid()
;; packet 4000000003000040 00x56 => 0x00050026
; x32: write()
;; packet 010000403e0000c0 00x56 => 0x7fff0000
; x32: execve()
;; packet 080200403e0000c0 00x56 => 0x7fff0000
; x32: getppid()
;; packet 6e0000403e0000c0 00x56 => 0x00050026
; aarch64: write()
;; packet 40000000b70000c0 00x56 => 0x7fff0000
; aarch64: execve()
;; packet dd000000b70000c0 00x56 => 0x7fff0000
; aarch64: getppid()
;; packet ad000000b70000c0 00x56 => 0x00050026
; riscv64: 64()
;; packet 40000000f30000c0 00x56 => 0x7fff0000
; riscv64: 1()
;; packet 01000000f30000c0 00x56 => 0x00050026
