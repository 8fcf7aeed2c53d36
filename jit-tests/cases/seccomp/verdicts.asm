; The verdicts of seccomp are ordinary numbers.
;; dialects seccomp
        ld [0]
        jeq #0x01010101, trace
        jeq #0x02020202, errno
        jeq #0x03030303, kill
        ret #0x7fff0000
trace:  ret #0x7ff00001
errno:  ret #0x00050001
kill:   ret #0x80000000
;; packet 00x64 => 0x7fff0000
;; packet 01x4 00x60 => 0x7ff00001
;; packet 02x4 00x60 => 0x00050001
;; packet 03x4 00x60 => 0x80000000
