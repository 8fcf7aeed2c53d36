; `ret #k` does not look at A.
        ld #7
        ret #3
;; packet - => 3
