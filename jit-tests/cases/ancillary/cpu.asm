; The processor that runs the filter.
        ld cpu
        ret a
;; packet 00 with cpu=11 => linux 11, pcap 0
