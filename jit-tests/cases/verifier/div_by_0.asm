; A division by the constant 0.
;; dialects linux pcap seccomp
        ld #1
        div #0    ;; error linux pcap seccomp: DivisionByZero
        ret a
