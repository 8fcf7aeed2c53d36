; A word is read that the arm of the branch that was taken has not stored.
;; dialects linux pcap seccomp
        ld #len
        jgt #10, meet
        stx M[1]
meet:   ldx M[1]    ;; error linux seccomp: ScratchUnset
        ret #6
;; packet 00x64 => pcap 6
