; The tag that was taken off the frame, 0 without one.
        ld vlan_tci
        add #1
        ret a
;; packet 00 with vlan=0xe064:0x8100 => linux 0xe065, pcap 0
;; packet 00 => linux 1, pcap 0
