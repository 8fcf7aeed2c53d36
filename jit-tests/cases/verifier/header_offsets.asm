; What each dialect makes of a load at 0xfff00000: Linux knows it and we do not yet, to libpcap it is out of bounds.
;; dialects linux pcap seccomp
        ld [0xfff00000]    ;; error linux: NotSupportedYet, seccomp: OutsideSeccompData
        ret a
;; packet 00x64 => pcap 0
