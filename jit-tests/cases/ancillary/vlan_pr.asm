; `vlan_pr` is another name for `vlan_avail`, and names may have a hash.
        ld #vlan_pr
        tax
        ld vlan_avail
        jeq x, same
        ret #99
same:   ret #1
;; packet 00 with vlan=1:0x8100 => linux 1, pcap 0
;; packet 00 => linux 1, pcap 0
