; Words stand at multiples of 4.
;; dialects linux pcap seccomp
        ld [18]    ;; error seccomp: OutsideSeccompData
        ret a
;; packet 00x16 01020304 05060708 00x40 => 0x03040506
