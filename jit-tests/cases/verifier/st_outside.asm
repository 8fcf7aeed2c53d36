; There is no M[16] to store A in.
;; dialects linux pcap seccomp
        st M[15]
        st M[16]    ;; error linux pcap seccomp: ScratchOutside
        ret #0
