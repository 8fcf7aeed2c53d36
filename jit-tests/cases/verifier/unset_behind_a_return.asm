; A return counts as going on, as in the kernel: a read behind it that nothing reaches is refused.
;; dialects linux pcap seccomp
        ret #0
        ld M[0]    ;; error linux seccomp: ScratchUnset
        ret a
;; packet 00x64 => pcap 0
