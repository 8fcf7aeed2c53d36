; Words and half words at odd offsets, one over the other.
        ld [3]
        st M[0]
        ldh [5]
        tax
        ld M[0]
        xor x
        ret a
;; packet aaaaaa 01020304 => 0x01020000
