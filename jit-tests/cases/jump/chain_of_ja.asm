; Jumps to jumps.
        ldb [0]
        jeq #0, j1, j2
j1:     jmp j3
j2:     jmp j4
j3:     jmp j5
j4:     ret #4
j5:     jmp j6
j6:     ret #6
;; packet 00 => 6
;; packet 01 => 4
