; The usual policy on x86_64: the architecture, no x32 calls, then a list. The data are in that machine's byte order.
;; dialects seccomp
        ld [4]                          ; arch
        jne #0xc000003e, kill
        ld [0]                          ; nr
        jge #0x40000000, kill           ; x32
        jeq #0, allow                   ; read
        jeq #1, allow                   ; write
        jeq #15, allow                  ; rt_sigreturn
        jeq #60, allow                  ; exit
        jeq #231, allow                 ; exit_group
        jeq #257, deny                  ; openat
        jmp trap
allow:  ret #0x7fff0000
deny:   ret #0x0005000d                 ; EACCES
trap:   ret #0x00030000
kill:   ret #0x80000000
;; skip big-endian: the numbers in packets are little-endian
;; packet 00000000 3e0000c0 00x56 => 0x7fff0000
;; packet 0f000000 3e0000c0 00x56 => 0x7fff0000
;; packet e7000000 3e0000c0 00x56 => 0x7fff0000
;; packet 01010000 3e0000c0 00x56 => 0x0005000d
;; packet 3b000000 3e0000c0 00x56 => 0x00030000
;; packet 00000040 3e0000c0 00x56 => 0x80000000
;; packet 00000000 03000040 00x56 => 0x80000000
