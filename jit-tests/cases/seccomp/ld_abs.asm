; Words are loaded at every multiple of 4 below 64, in the byte order of the machine.
;; dialects seccomp
        ld [0]
        tax
        ld [4]
        add x
        tax
        ld [8]
        add x
        tax
        ld [12]
        add x
        tax
        ld [16]
        add x
        tax
        ld [20]
        add x
        tax
        ld [24]
        add x
        tax
        ld [28]
        add x
        tax
        ld [32]
        add x
        tax
        ld [36]
        add x
        tax
        ld [40]
        add x
        tax
        ld [44]
        add x
        tax
        ld [48]
        add x
        tax
        ld [52]
        add x
        tax
        ld [56]
        add x
        tax
        ld [60]
        add x
        ret a
;; packet 01x4 02x4 03x4 04x4 05x4 06x4 07x4 08x4 09x4 0ax4 0bx4 0cx4 0dx4 0ex4 0fx4 10x4 => 0x88888888
;; packet 00x60 2ax4 => 0x2a2a2a2a
