; The kernel does not see that a branch is never taken: the word counts as not stored on that path.
;; dialects linux pcap seccomp
        ld #1
        jeq #2, skip
        st M[0]
skip:   ld M[0]    ;; error linux seccomp: ScratchUnset
        ret a
;; packet 00x64 => pcap 1
