; The last instruction is judged by its own rules first.
;; dialects linux pcap seccomp
        ret #0
        st M[16]    ;; error linux pcap seccomp: ScratchOutside
