; VLAN 10, where the kernel has taken the tag off the frame.
        ld vlan_avail
        jeq #0, drop
        ld vlan_tci
        and #0xfff
        jne #10, drop
        ret #-1
drop:   ret #0
;; packet 00x14 with vlan=10:0x8100 => linux 0xffffffff, pcap 0
;; packet 00x14 with vlan=0x200a:0x8100 => linux 0xffffffff, pcap 0
;; packet 00x14 with vlan=11:0x8100 => 0
;; packet 00x14 => 0
