; Behind a `ja` that nothing jumps past, everything counts as stored.
;; dialects linux pcap seccomp
        jmp out
        ld M[0]
        ldx M[15]
        ret a
out:    ret #3
;; packet 00x64 => 3
