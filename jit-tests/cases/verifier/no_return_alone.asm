; A program of one instruction that is not a return.
;; dialects linux pcap seccomp
        tax    ;; error linux pcap seccomp: NoReturn
