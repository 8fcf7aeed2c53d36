; Indirect offsets elsewhere below 0 are accepted: they may be meant to subtract from X.
        ldb [0]
        jeq #1, o1
        jeq #2, o2
        jeq #3, o3
        jeq #4, o4
        ret #9
o1:     ldx #0x200003
        ldb [x + 0xffdfffff]
        ret a
o2:     ldx #0x1f0001
        ldb [x + 0xffe10000]
        ret a
o3:     ldx #0x100003
        ldb [x + 0xffefffff]
        ret a
o4:     ldx #0xf0003
        ldb [x + 0xfff10000]
        ret a
;; packet 00 112233 => 9
;; packet 01 112233 => linux 0x22, pcap 0
;; packet 02 112233 => linux 0x11, pcap 0
;; packet 03 112233 => linux 0x22, pcap 0
;; packet 04 112233 => linux 0x33, pcap 0
