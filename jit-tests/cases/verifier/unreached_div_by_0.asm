; A division by the constant 0 is refused even where nothing leads to it.
;; dialects linux pcap seccomp
        jmp out
        div #0    ;; error linux pcap seccomp: DivisionByZero
out:    ret #0
