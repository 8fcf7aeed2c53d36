; A word of the data reads backward in the other dialects, unless it is the same both ways.
;; dialects linux pcap seccomp
        ld [16]
        ret a
;; packet 00x16 2a55552a 00x44 => 0x2a55552a
;; packet 00x16 01020304 00x44 => linux 0x01020304, pcap 0x01020304
