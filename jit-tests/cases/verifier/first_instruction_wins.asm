; Of two broken rules, the one of the earlier instruction is named.
;; dialects linux pcap seccomp
        raw 0x05, 0, 0, 7    ;; error linux pcap seccomp: JumpOutside
        div #0
        st M[16]
        raw 0xff, 0, 0, 0
