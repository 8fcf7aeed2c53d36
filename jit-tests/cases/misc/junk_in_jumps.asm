; Machines ignore jt and jf in `ja`, and k in tests of A against X.
        raw 0x30, 0, 0, 0
        raw 0x01, 0, 0, 5
        raw 0x05, 255, 255, 1
        raw 0x06, 0, 0, 99
        raw 0x1d, 1, 0, 0xffffffff
        raw 0x06, 0, 0, 1
        raw 0x06, 0, 0, 2
;; packet 05 => 2
;; packet ff => 1
