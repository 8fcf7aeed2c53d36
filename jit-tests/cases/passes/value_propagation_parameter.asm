; Not threaded: a block with a parameter, although each edge into it decides its test.
        ldb [0]
        jeq #1, one
        ldb [1]
        jmp meet
one:    ldb [2]
meet:   st M[0]
        ldb [0]
        jeq #1, odd
        ld M[0]
        ret a
odd:    ld M[0]
        add #1
        ret a
;; packet 010507 => 8
;; packet 0105 => 0
;; packet 020507 => 5
;; packet 0205 => 5
;; packet 02 => 0
;; graph value-propagation
;; | block0:
;; |     check 2 <= captured
;; |     v1 = load.byte [0]
;; |     v3 = load.byte [1]
;; |     if v1 == 0x1 then block1 else block2(v3)
;; | block1:
;; |     check 3 <= captured
;; |     v4 = load.byte [2]
;; |     jump block2(v4)
;; | block2(v5):
;; |     if v1 == 0x1 then block3 else block4
;; | block3:
;; |     v6 = v5 + 0x1
;; |     return v6
;; | block4:
;; |     return v5
