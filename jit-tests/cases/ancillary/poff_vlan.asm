; VLAN tags in the frame, one or two of them, and more.
;; dialects linux
        ld poff
        ret a
;; packet 00x14 0064 0800 45 00x5 0000 4011 00x10 00x8 with proto=0x8100 network=14 => 46
;; packet 00x14 0064 8100 0001 86dd 60 00x5 11 40 00x32 00x8 with proto=0x88a8 network=14 => 70
;; packet 0064 8100 0001 88a8 0002 0800 45 00x5 0000 4011 00x10 00x8 with proto=0x88a8 => 40
;; packet 0064 08 with proto=0x8100 => 0
;; packet 0064 0806 with proto=0x8100 => 4
