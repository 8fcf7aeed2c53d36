; A path that nothing takes counts: the jump from behind a return brings a word that is not stored.
;; dialects linux pcap seccomp
        ld #len
        jeq #64, live
        ret #1
        jmp meet
live:   st M[0]
meet:   ld M[0]    ;; error linux seccomp: ScratchUnset
        ret a
;; packet 00x64 => pcap 64
;; packet 00 => pcap 1
