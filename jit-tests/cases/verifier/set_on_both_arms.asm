; Each arm stores the word that is read behind the join.
;; dialects linux pcap seccomp
        ld #len
        jgt #64, big
        st M[2]
        jmp meet
big:    stx M[2]
meet:   ld M[2]
        ret a
;; packet 00x64 => 64
;; packet 00x65 => linux 0, pcap 0
