; There is no M[16] to load into A.
;; dialects linux pcap seccomp
        st M[0]
        ld M[0]
        ld M[16]    ;; error linux pcap seccomp: ScratchOutside
        ret a
