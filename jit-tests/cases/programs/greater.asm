; `greater 1000`, as libpcap compiles it: the length on the wire decides, not what was captured.
        ld #len
        jlt #0x3e8, drop
        ret #262144
drop:   ret #0
;; packet 00x1000 => 262144
;; packet 00x999 => 0
;; packet 00x60 wire 1000 => 262144
;; packet 00x1000 wire 60 => 0
;; packet - wire 1514 => 262144
