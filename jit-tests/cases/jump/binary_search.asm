; Nested comparisons find the range that a half word lies in.
        ldh [0]
        jge #1000, upper
        jge #100, mid
        ret #1
mid:    ret #2
upper:  jgt #50000, top
        jlt #10000, third
        ret #4
third:  ret #3
top:    ret #5
;; packet 0063 => 1
;; packet 0064 => 2
;; packet 03e8 => 3
;; packet 270f => 3
;; packet 2710 => 4
;; packet c350 => 4
;; packet c351 => 5
