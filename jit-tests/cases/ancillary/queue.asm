; The receive queue.
        ld queue
        add #1
        ret a
;; packet 00 with queue=65535 => linux 65536, pcap 0
;; packet 00 => linux 1, pcap 0
