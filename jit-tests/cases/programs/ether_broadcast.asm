; `ether broadcast or ether multicast`, as libpcap compiles it.
        ld [2]
        jne #0xffffffff, at1
        ldh [0]
        jeq #0xffff, keep
at1:    ldb [0]
        jset #1, keep, drop
keep:   ret #262144
drop:   ret #0
;; packet ffffffffffff 020000000002 0806 => 262144
;; packet 01005e000001 020000000002 0800 => 262144
;; packet 020000000001 020000000002 0800 => 0
;; packet ffffffffffff => 262144
;; packet ffffffff => 0
;; packet - => 0
