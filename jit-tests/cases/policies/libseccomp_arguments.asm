; Exported by libseccomp 2.5.4 (Debian 12, python3-seccomp, `SyscallFilter.export_bpf`): rules with each comparison
; of 64-bit arguments, and each action. Another architecture, x32 too, is killed.
;; dialects seccomp
        ld [4]
        jne #0xc000003e, L43
        ld [0]
        jlt #0x40000000, L05
        jne #0xffffffff, L43
L05:    jeq #0x0, L41
        jne #0x3e, L08
        ret #2146435079
L08:    jne #0xa5, L10
        ret #2143289344
L10:    jeq #0xe7, L41
        jne #0x29, L17
        ld [20]
        jne #0x0, L16
        ld [16]
        jeq #0x1, L41
L16:    ret #327681
L17:    jne #0x1, L24
        ld [20]
        jgt #0x0, L23
        jne #0x0, L41
        ld [16]
        jle #0x2, L41
L23:    ret #327693
L24:    jne #0x8, L32
        ld [28]
        jgt #0x100, L31
        jne #0x100, L30
        ld [24]
        jge #0x0, L31
L30:    ret #2147221504
L31:    ret #327702
L32:    jne #0x9, L40
        ld [36]
        and #0x0
        jne #0x0, L40
        ld [32]
        and #0x4
        jeq #0x4, L42
        jeq #0x0, L41
L40:    ret #-2147483648
L41:    ret #2147418112
L42:    ret #196608
L43:    ret #0
; x86_64: read()
;; skip big-endian: the numbers in packets are little-endian
;; packet 000000003e0000c0 00x56 => 0x7fff0000
; x86_64: write(2)
;; packet 010000003e0000c0000000000000000002 00x47 => 0x7fff0000
; x86_64: write(3)
;; packet 010000003e0000c0000000000000000003 00x47 => 0x0005000d
; x86_64: write(0x100000000)
;; packet 010000003e0000c000000000000000000000000001 00x43 => 0x0005000d
; x86_64: socket(1)
;; packet 290000003e0000c0000000000000000001 00x47 => 0x7fff0000
; x86_64: socket(2, 1)
;; packet 290000003e0000c00000000000000000020000000000000001 00x39 => 0x00050001
; x86_64: socket(0x100000001)
;; packet 290000003e0000c000000000000000000100000001 00x43 => 0x00050001
; x86_64: lseek(0, 0x10000000000)
;; packet 080000003e0000c000000000000000000000000000000000000000000001 00x34 => 0x00050016
; x86_64: lseek(0, 0xffffffffff)
;; packet 080000003e0000c000000000000000000000000000000000ffffffffff 00x35 => 0x7ffc0000
; x86_64: lseek(0, 0x20000000000)
;; packet 080000003e0000c000000000000000000000000000000000000000000002 00x34 => 0x00050016
; x86_64: mmap(0, 0, 7)
;; packet 090000003e0000c000000000000000000000000000000000000000000000000007 00x31 => 0x00030000
; x86_64: mmap(0, 0, 3)
;; packet 090000003e0000c000000000000000000000000000000000000000000000000003 00x31 => 0x7fff0000
; x86_64: mmap(0, 0, 0xfffffffb)
;; packet 090000003e0000c0000000000000000000000000000000000000000000000000fbffffff 00x28 => 0x7fff0000
; x86_64: kill(1, 9)
;; packet 3e0000003e0000c00000000000000000010000000000000009 00x39 => 0x7ff00007
; x86_64: mount()
;; packet a50000003e0000c0 00x56 => 0x7fc00000
; x86_64: open()
;; packet 020000003e0000c0 00x56 => 0x80000000
; x32: read()
;; packet 000000403e0000c0 00x56 => 0x00000000
; i386: read()
;; packet 0300000003000040 00x56 => 0x00000000
