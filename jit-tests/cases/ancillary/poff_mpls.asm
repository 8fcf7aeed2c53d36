; The first label of MPLS ends the search, as long as the packet is.
;; dialects linux
        ld poff
        ret a
;; packet 00x8 with proto=0x8847 => 4
;; packet 00x4 with proto=0x8848 => 4
;; packet 00x2 with proto=0x8847 => 2
;; packet - with proto=0x8847 => 0
