; `jlt` jumps if A is less, unsigned.
        ld [4]
        tax
        ld [0]
        jlt #10, low
        jlt x, below
        ret #3
low:    ret #1
below:  ret #2
;; packet 00000009 00000000 => 1
;; packet 0000000a 00000000 => 3
;; packet 0000000b 80000000 => 2
;; packet 80000000 80000000 => 3
