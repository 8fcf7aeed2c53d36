; The offset of the payload behind UDP in IPv4. Without a protocol in the context it is not found.
;; dialects linux
        ld poff
        ret a
;; packet 45 00x5 0000 4011 00x10 00x8 => 0
;; packet 45 00x5 0000 4011 00x10 00x8 with proto=0x800 => 28
;; packet 45 00x5 0000 4011 00x10 00x8 with proto=0x86dd => 0
;; packet 45 00x5 0000 4011 00x10 00x8 with proto=0x1234 => 0
;; packet 00x14 45 00x5 0000 4011 00x10 00x8 with proto=0x800 network=14 => 42
;; packet 00x14 45 00x5 0000 4011 00x10 00x8 with proto=0x800 network=15 => 0
;; packet 45 00x5 0000 4011 00x10 with proto=0x800 => 28
;; packet 45 00x18 with proto=0x800 => 0
;; packet - with proto=0x800 => 0
;; packet 45 00x5 0000 4011 00x10 with proto=0x800 network=-1 => 0
;; packet 45 00x5 0000 4011 00x10 with proto=0x800 network=2147483647 => 0
;; packet 45 00x5 0000 4011 00x10 with proto=0x800 network=-2147483648 => 0
