; A and X are 0 at the start.
        add x
        jeq #0, ok
        ret #99
ok:     add #5
        txa
        add #6
        ret a
;; packet ff => 6
