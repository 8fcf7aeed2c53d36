; `jle` jumps if A is less or equal, unsigned.
        ld [4]
        tax
        ld [0]
        jle #10, low
        jle x, below
        ret #3
low:    ret #1
below:  ret #2
;; packet 0000000a 00000000 => 1
;; packet 0000000b 00000000 => 3
;; packet 80000000 80000000 => 2
;; packet 80000001 80000000 => 3
