; A word of seccomp data is in native byte order, and needs no swap.
;; dialects seccomp
        ld [4]
        jeq #0x0000003c, keep
        ret #0
keep:   ret #1
;; skip big-endian: the numbers in packets are little-endian
;; packet 00000000 3c000000 00x56 => 1
;; packet 00000000 0000003c 00x56 => 0
;; graph byte-swap-folding
;; | block0:
;; |     check 8 <= captured
;; |     v1 = load.word.native [4]
;; |     if v1 == 0x3c then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     return 0x0
