; Offset 0xfffff028 stands for A ^= X, from the time when that had no opcode.
        ld [0]
        tax
        ld [4]
        ld [0xfffff028]
        ret a
;; packet 0f0f0f0f ff00ff00 => linux 0xf00ff00f, pcap 0
;; packet 00000005 00000005 => 0
