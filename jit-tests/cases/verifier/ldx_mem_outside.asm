; A scratch word whose number is 2^31 to load into X.
;; dialects linux pcap seccomp
        ldx M[0x80000000]    ;; error linux pcap seccomp: ScratchOutside
        ret #0
