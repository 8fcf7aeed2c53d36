; The shortest program, on a packet and on none.
;; dialects linux pcap seccomp
        ret #-1
;; packet 00x64 => 0xffffffff
;; packet - => linux 0xffffffff, pcap 0xffffffff
