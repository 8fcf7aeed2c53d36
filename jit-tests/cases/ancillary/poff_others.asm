; What else the flow dissector knows.
;; dialects linux
        ld poff
        ret a
;; packet 00x28 with proto=0x806 => 0
;; packet 00x14 00x28 with proto=0x806 network=14 => 14
;; packet 00x28 with proto=0x8035 network=1 => 1
;; packet 00x38 with proto=0x8906 => 38
;; packet 00x37 with proto=0x8906 => 0
;; packet 00x34 with proto=0x88f7 => 34
;; packet 00x33 with proto=0x88f7 => 0
;; packet 00x16 with proto=0x88ca network=0 => 0
;; packet 00x17 with proto=0x88ca network=1 => 1
;; packet 00x16 with proto=0x88ca network=1 => 0
;; packet - with proto=0x8902 network=0 => 0
;; packet 00x4 with proto=0x8902 network=4 => 4
;; packet 00x4 0800 45 00x5 0000 4011 00x10 00x8 with proto=0x892f => 34
;; packet 00x4 0800 45 00x5 0000 4011 00x10 00x8 with proto=0x88fb => 34
;; packet 00x4 08 with proto=0x892f => 0
;; packet 400f 00x20 0800 45 00x5 0000 4011 00x10 00x8 with proto=0x4305 => 52
;; packet 410f 00x20 0800 45 00x5 0000 4011 00x10 00x8 with proto=0x4305 => 0
;; packet 400e 00x20 0800 45 00x5 0000 4011 00x10 00x8 with proto=0x4305 => 0
