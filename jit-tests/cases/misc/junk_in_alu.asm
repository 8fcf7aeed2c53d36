; Machines ignore jt and jf in arithmetic, and k where the operand is X: even 0 for a divisor, and 32 for a shift.
        raw 0x00, 0, 0, 12
        raw 0x01, 1, 1, 3
        raw 0x3c, 9, 9, 0
        raw 0x6c, 0, 1, 32
        raw 0x0c, 2, 0, 0xffffffff
        raw 0x84, 1, 1, 5
        raw 0x04, 7, 7, 100
        raw 0x9c, 0, 0, 0
        raw 0x16, 0, 0, 0
;; packet - => 2
