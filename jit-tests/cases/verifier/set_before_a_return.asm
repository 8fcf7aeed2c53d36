; A return counts as going on, as in the kernel: what was stored before it is stored behind it.
;; dialects linux pcap seccomp
        st M[0]
        ret #4
        ld M[0]
        ret a
;; packet 00x64 => 4
