; A program without instructions is refused by all.
;; dialects linux pcap seccomp
;; error linux pcap seccomp: Empty
