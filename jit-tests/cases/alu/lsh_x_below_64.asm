; The distance is below 64, but not below 32: the kernel uses its lower five bits, in libpcap's dialect it gives 0.
;; skip libpcap: C leaves a shift by 32 and more to the compiler
        ldb [0]
        and #0x3f
        tax
        ldb [1]
        lsh x
        ret a
;; packet 2101 => linux 2, pcap 0
;; packet 1f01 => 0x80000000
;; packet 4101 => 2
