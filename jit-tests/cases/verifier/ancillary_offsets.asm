; What each dialect makes of a load at 0xfffff004: Linux asks the context, to libpcap it is out of bounds.
;; dialects linux pcap seccomp
        ld [0xfffff004]    ;; error seccomp: OutsideSeccompData
        ret a
;; packet 00x64 with type=2 => linux 2, pcap 0
