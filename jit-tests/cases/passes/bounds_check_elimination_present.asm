; Without a device the verdict is A, which is observable: no check before `ifidx` grows to a byte after it.
;; dialects linux
        ldb [0]
        ld ifidx
        jeq #3, on
        ret #0
on:     ldb [40]
        ret a
;; packet 05 => 5
;; packet 05 with device=3:1 => 0
;; packet 05 00x39 07 with device=3:1 => 7
;; packet 05 00x39 with device=3:1 => 0
;; packet 05 00x39 07 with device=4:1 => 0
;; packet - with device=3:1 => 0
;; graph build
;; | block0:
;; |     check 1 <= captured
;; |     v1 = load.byte [0]
;; |     check ifidx is present, or return v1
;; |     v2 = ifidx
;; |     if v2 == 0x3 then block2 else block1
;; | block1:
;; |     return 0x0
;; | block2:
;; |     check 41 <= captured
;; |     v4 = load.byte [40]
;; |     return v4
;; graph bounds-check-elimination
;; | block0:
;; |     check 1 <= captured
;; |     v1 = load.byte [0]
;; |     check ifidx is present, or return v1
;; |     v2 = ifidx
;; |     if v2 == 0x3 then block1 else block2
;; | block1:
;; |     check 41 <= captured
;; |     v4 = load.byte [40]
;; |     return v4
;; | block2:
;; |     return 0x0
