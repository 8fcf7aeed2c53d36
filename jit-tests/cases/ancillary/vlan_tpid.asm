; The type of the tag that was taken off the frame, 0 without one.
        ld vlan_tpid
        add #1
        ret a
;; packet 00 with vlan=100:0x88a8 => linux 0x88a9, pcap 0
;; packet 00 => linux 1, pcap 0
