; Known bits of all arguments hold for a parameter: here, X + k is never relative to a header.
;; dialects linux
        ldb [0]
        jeq #1, v6
        ldxb 4*([14]&0xf)
        jmp port
v6:     ldx #40
port:   ldh [x + 16]
        ret a
;; packet 00x14 45 00x21 0035 => 0x35
;; packet 01 00x55 0035 => 0x35
;; graph build
;; | block0:
;; |     check 1 <= captured
;; |     v1 = load.byte [0]
;; |     if v1 == 0x1 then block2 else block1
;; | block1:
;; |     check 15 <= captured
;; |     v3 = load.byte [14]
;; |     v5 = v3 & 0xf
;; |     v7 = v5 << 0x2
;; |     jump block3(v7)
;; | block2:
;; |     jump block3(0x28)
;; | block3(v9):
;; |     check v9 + 18 <= captured
;; |     v12 = load.half [v9 + 16]
;; |     return v12
