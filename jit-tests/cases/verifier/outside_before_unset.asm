; A jump outside near the end is found before the scratch word at the start that was never stored.
;; dialects linux pcap seccomp
        ld M[0]
        raw 0x15, 0, 1, 0    ;; error linux pcap seccomp: JumpOutside
        ret a
