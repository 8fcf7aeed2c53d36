; Only one path has loaded from the device before: on the other, the verdict without a device is 9.
;; dialects linux
        ldx #5
        ldb [0]
        jeq #1, one, join
one:    ld ifidx
        jeq #5, drop, join
join:   ld #9
        ld ifidx
        ret a
drop:   ret #0
;; packet 00 => 9
;; packet 01 => 1
;; packet 00 with device=7:1 => 7
;; packet 01 with device=5:1 => 0
