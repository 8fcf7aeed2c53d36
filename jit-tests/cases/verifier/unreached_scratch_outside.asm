; Scratch words outside are refused even where nothing leads to them.
;; dialects linux pcap seccomp
        jmp out
        st M[20]    ;; error linux pcap seccomp: ScratchOutside
out:    ret #0
