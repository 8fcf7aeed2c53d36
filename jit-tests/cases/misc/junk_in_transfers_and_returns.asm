; Machines ignore every field of `tax`, `txa` and `ret a` but the opcode, and jt and jf in `ret #k`.
        raw 0x30, 0, 0, 0
        raw 0x07, 255, 255, 0xffffffff
        raw 0x00, 0, 0, 0
        raw 0x87, 255, 255, 16
        jeq #0, none
        raw 0x16, 255, 255, 0xffffffff
none:   raw 0x06, 255, 255, 33
;; packet 2a => 42
;; packet 00 => 33
