; Three dialects, three rules, at three places.
;; dialects linux pcap seccomp
        ldh [0]       ;; error seccomp: ForbiddenOpcode
        lsh #40       ;; error linux: ShiftTooFar
        mod #0        ;; error pcap: DivisionByZero
        ret a
