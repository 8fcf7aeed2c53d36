; A load without a use stays, as short packets are dropped by it; what sets X does not.
        ldx #5
        ldh [12]
        ret #1
;; packet 00x14 => 1
;; packet 00x13 => 0
