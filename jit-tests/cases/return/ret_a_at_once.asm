; A is 0 at the start.
        ret a
;; packet 00x8 => 0
