; The upper half of an argument comes first on a big-endian architecture; its number says that it is one.
;; dialects seccomp
        ld [32]
        jne #0x11223344, allow
        ld [36]
        jeq #0x55667788, kill
allow:  ret #0x7fff0000
kill:   ret #0
;; call s390x 4 0 0 0x1122334455667788 => 0
;; call s390x 4 0 0 0x5566778811223344 => 0x7fff0000
;; call x86_64 1 0 0 0x1122334455667788 => 0x7fff0000
;; call x86_64 1 0 0 0x5566778811223344 => 0
;; call s390 4 0 0 0x1122334455667788 => 0
;; call ppc 4 0 0 0x1122334455667788 => 0
;; call ppc64 4 0 0 0x1122334455667788 => 0
;; call ppc64le 4 0 0 0x1122334455667788 => 0x7fff0000
;; call mips 4004 0 0 0x1122334455667788 => 0
;; call mips64 5001 0 0 0x1122334455667788 => 0
;; call mips64n32 6001 0 0 0x1122334455667788 => 0
;; call mipsel 4004 0 0 0x1122334455667788 => 0x7fff0000
;; call m68k 4 0 0 0x1122334455667788 => 0
;; call parisc64 4 0 0 0x1122334455667788 => 0
;; call sparc 4 0 0 0x1122334455667788 => 0
;; call sparc64 4 0 0 0x1122334455667788 => 0
;; call armeb 4 0 0 0x1122334455667788 => 0
;; call arm 4 0 0 0x1122334455667788 => 0x7fff0000
;; call sh 4 0 0 0x1122334455667788 => 0
;; call shel 4 0 0 0x1122334455667788 => 0x7fff0000
