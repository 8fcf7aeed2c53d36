; The last instruction is a return that nothing reaches: accepted.
;; dialects linux pcap seccomp
        ret #5
        ret a
;; packet 00x64 => 5
