; Whether a tag was taken off the frame: 1, even if the tag is 0.
        ld vlan_avail
        add #1
        ret a
;; packet 00 with vlan=100:0x8100 => linux 2, pcap 0
;; packet 00 with vlan=0:0x8100 => linux 2, pcap 0
;; packet 00 => linux 1, pcap 0
