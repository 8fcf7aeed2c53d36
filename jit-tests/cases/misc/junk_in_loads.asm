; Machines ignore jt and jf in loads, and k where the length is loaded.
        raw 0x30, 9, 9, 0
        raw 0x87, 0, 0, 0
        raw 0x81, 255, 255, 0xffffffff
        raw 0x50, 1, 2, 0xfffffffe
        raw 0x02, 3, 4, 1
        raw 0x80, 5, 6, 7
        raw 0x61, 7, 8, 1
        raw 0x0c, 0, 0, 0
        raw 0x00, 9, 10, 5
        raw 0x0c, 0, 0, 0
        raw 0x16, 0, 0, 0
;; packet 01020304 => linux 8, pcap 0
