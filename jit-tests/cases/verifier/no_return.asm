; The last instruction is not a return, although the program ends before it.
;; dialects linux pcap seccomp
        ret #1
        ld #1    ;; error linux pcap seccomp: NoReturn
