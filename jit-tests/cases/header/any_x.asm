; Where X + k points is known at run time only: into the packet, behind either header, or nowhere.
        ld [0]
        tax
        ldb [x + 4]
        ret a
;; packet 00000000 11 22 => 0x11
;; packet 00000001 11 22 with network=1 => 0x22
;; packet 00000002 11 22 => 0
;; packet fffffffc 11 22 with network=4 => linux 0xff, pcap 0
;; packet ffeffffc 11 22 => linux 0xff, pcap 0
;; packet ffeffffc 11 22 with network=4 => linux 0x11, pcap 0
;; packet ffeffffd 11 22 with network=4 link=7 => linux 0x22, pcap 0
;; packet ffeffffe 11 22 with network=4 => 0
;; packet ffeffffb 11 22 with network=4 link=-1048575 => linux 0xff, pcap 0
;; packet ffeffffb 11 22 with network=4 link=0 => 0
;; packet ffdffffc 11 22 with network=4 link=5 => linux 0x22, pcap 0
;; packet ffdffffc 11 22 with network=4 => 0
;; packet ffdffffb 11 22 with network=4 link=5 => 0
;; packet 7ffffffc 11 22 with network=4 link=5 => 0
;; packet 7ffffffb 11 22 with network=4 link=5 => 0
;; packet ffffffff 11 22 with network=4 link=5 => linux 0xff, pcap 0
