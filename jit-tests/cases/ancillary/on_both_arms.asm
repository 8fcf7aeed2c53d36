; Different facts on two arms, and a test of one of them behind the join.
        ldb [0]
        jeq #0, left
        ld queue
        jmp meet
left:   ld mark
meet:   jgt #100, high
        ret a
high:   ret #100
;; packet 00 with mark=70000 queue=9 => linux 100, pcap 0
;; packet 01 with mark=70000 queue=9 => linux 9, pcap 0
