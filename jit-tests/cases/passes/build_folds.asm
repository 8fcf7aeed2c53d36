; Divisions by powers of two become shifts and masks, consecutive shifts are merged, and known results become constants.
        ldb [0]
        mul #16
        lsh #2
        div #8
        tax
        ldb [1]
        mod #32
        add x
        tax
        ld #len
        rsh #16
        rsh #16
        add x
        jge #0, always
        ret #99
always: jset #0xffff0000, never
        ret a
never:  ret #98
;; dialects linux pcap
;; packet 0121 => 9
;; packet ffff => 2071
;; packet 01 => 0
;; graph build
;; | block0:
;; |     check 1 <= captured
;; |     check 2 <= captured
;; |     jump block1
;; | block1:
;; |     jump block2
;; | block2:
;; |     v1 = load.byte [0]
;; |     v8 = v1 << 0x6
;; |     v11 = v8 >> 0x3
;; |     v12 = load.byte [1]
;; |     v14 = v12 & 0x1f
;; |     v15 = v11 + v14
;; |     return v15
