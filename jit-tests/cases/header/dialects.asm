; What each dialect makes of a load at 0xfff00000: Linux counts from the network header, to libpcap it is out of bounds.
;; dialects linux pcap seccomp
        ld [0xfff00000]    ;; error seccomp: OutsideSeccompData
        ret a
;; packet 00010203 => linux 0x10203, pcap 0
