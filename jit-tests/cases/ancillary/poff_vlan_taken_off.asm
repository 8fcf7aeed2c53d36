; A tag that was taken off the frame is met first: behind it comes the protocol of the context.
;; dialects linux
        ld poff
        ret a
;; packet 45 00x5 0000 4011 00x10 00x8 with proto=0x800 vlan=5:0x8100 => 28
;; packet 0064 0800 45 00x5 0000 4011 00x10 00x8 with proto=0x8100 vlan=5:0x88a8 => 32
;; packet 45 00x5 0000 4011 00x10 00x8 with proto=0x800 vlan=5:0x9100 => 0
;; packet 45 00x5 0000 4011 00x10 00x8 with proto=0x86dd vlan=5:0x0800 => 28
;; packet 0064 0800 45 00x5 0000 4011 00x10 00x8 with proto=0x800 vlan=5:0x8100 => 0
