; A scratch word far outside to store X in.
;; dialects linux pcap seccomp
        stx M[0xffffffff]    ;; error linux pcap seccomp: ScratchOutside
        ret #0
