; A jump outside is refused even where nothing leads to it.
;; dialects linux pcap seccomp
        ret #0
        raw 0x35, 9, 0, 0    ;; error linux pcap seccomp: JumpOutside
        ret #1
