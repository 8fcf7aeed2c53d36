; X + k never means an ancillary load: what X adds up to is a place relative to a header, far behind the packet.
        ldx #0xfffff000
        ldb [0]
        jeq #1, ind
        ret #5
ind:    ld [x + 0x24]
        ret #6
;; packet 00 => 5
;; packet 01 => 0
