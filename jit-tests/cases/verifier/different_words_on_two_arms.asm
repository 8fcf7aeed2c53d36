; Each arm stores a word, and not the same: neither is stored behind the join.
;; dialects linux pcap seccomp
        ld #len
        jgt #10, big
        st M[0]
        jmp meet
big:    st M[1]
meet:   ld M[1]    ;; error linux seccomp: ScratchUnset
        ret a
;; packet 00x64 => pcap 64
