; GRE of version 1 is PPTP: PPP behind a key.
;; dialects linux
        ld poff
        ret a
;; packet 45 00x5 0000 402f 00x10 2001 880b 00x4 ff03 0021 45 00x5 0000 4011 00x10 00x8 with proto=0x800 => 60
;; packet 45 00x5 0000 402f 00x10 3081 880b 00x12 ff03 0057 60 00x5 11 40 00x32 00x8 with proto=0x800 => 88
;; packet 45 00x5 0000 402f 00x10 2001 880b 00x4 ff03 c021 00x8 with proto=0x800 => 0
;; packet 45 00x5 0000 402f 00x10 0001 880b 00x8 with proto=0x800 => 20
;; packet 45 00x5 0000 402f 00x10 2001 0800 00x8 with proto=0x800 => 20
;; packet 45 00x5 0000 402f 00x10 2001 880b 00x4 ff03 00 with proto=0x800 => 0
