; There are no ancillary loads; a name stands for an offset far outside.
;; dialects linux pcap seccomp
        ld cpu    ;; error seccomp: OutsideSeccompData
        ret a
;; packet 00x64 with cpu=3 => linux 3, pcap 0
