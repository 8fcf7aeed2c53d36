; A remainder by the constant 0; seccomp refuses every remainder.
;; dialects linux pcap seccomp
        ld #1
        mod #0    ;; error linux pcap: DivisionByZero, seccomp: ForbiddenOpcode
        ret a
