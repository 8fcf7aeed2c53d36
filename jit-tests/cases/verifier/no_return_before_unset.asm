; The end of the program is judged before the paths to scratch words are.
;; dialects linux pcap seccomp
        ld M[0]
        st M[0]    ;; error linux pcap seccomp: NoReturn
