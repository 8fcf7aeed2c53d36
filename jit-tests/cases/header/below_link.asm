; Below the offsets that are relative to the link header, everything is out of bounds.
        ldb [0xffdfffff]
        ret #1
;; packet 00x64 => 0
;; packet 00x64 with link=1 network=1 => 0
