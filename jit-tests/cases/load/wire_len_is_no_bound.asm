; Loads are judged by what was captured, not by the length on the wire.
        ldb [3]
        ldh [2]
        ld [0]
        ret #1
;; packet 00x4 wire 0 => 1
;; packet 00x4 wire 3 => 1
;; packet 00x3 wire 4 => 0
;; packet 00x3 wire 0xffffffff => 0
