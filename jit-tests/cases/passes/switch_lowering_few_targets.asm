; With up to four targets, one set is tested after the other; the target with the most ranges is the default.
        ldh [12]
        jeq #0x800, ip
        jeq #0x86dd, ip
        jeq #0x8100, vlan
        jeq #0x88a8, vlan
        jeq #0x9100, vlan
        jeq #0x806, arp
        ret #0
ip:     ret #1
vlan:   ret #2
arp:    ret #3
;; packet 00x12 0800 => 1
;; packet 00x12 86dd => 1
;; packet 00x12 8100 => 2
;; packet 00x12 88a8 => 2
;; packet 00x12 9100 => 2
;; packet 00x12 0806 => 3
;; packet 00x12 0805 => 0
;; packet 00x12 ffff => 0
;; packet 00x12 08 => 0
;; graph switch-lowering
;; | block0:
;; |     check 14 <= captured
;; |     v1 = load.half [12]
;; |     if v1 in {0x800, 0x86dd} then block1 else block2
;; | block1:
;; |     return 0x1
;; | block2:
;; |     if v1 in {0x8100, 0x88a8, 0x9100} then block3 else block4
;; | block3:
;; |     return 0x2
;; | block4:
;; |     if v1 == 0x806 then block5 else block6
;; | block5:
;; |     return 0x3
;; | block6:
;; |     return 0x0
