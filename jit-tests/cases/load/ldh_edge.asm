; A half word at the end of the packet, and one past it.
        ldh [12]
        ret a
;; packet 00x12 0800 => 0x0800
;; packet 00x12 08 => 0
;; packet 00x12 => 0
;; packet 00 => 0
;; packet 00x12 08 wire 60 => 0
