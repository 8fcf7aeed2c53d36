; A % k is unsigned.
        ld [0]
        mod #10
        tax
        ld [4]
        mod #0x80000001
        add x
        ret a
;; packet 00000019 00000003 => 8
;; packet ffffffff 80000001 => 5
;; packet 00000000 ffffffff => 0x7ffffffe
