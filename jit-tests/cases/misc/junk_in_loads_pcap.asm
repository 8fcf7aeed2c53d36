; The same without a sum that wraps: what libpcap ignores in loads.
        raw 0x81, 255, 255, 0xffffffff
        raw 0x30, 9, 9, 3
        raw 0x02, 3, 4, 1
        raw 0x80, 5, 6, 7
        raw 0x0c, 0, 0, 0
        raw 0x61, 7, 8, 1
        raw 0x0c, 0, 0, 0
        raw 0xb1, 1, 1, 0
        raw 0x0c, 0, 0, 0
        raw 0x16, 0, 0, 0
;; packet 01020304 => 16
