; Behind a `ja` a branch that nothing reaches carries "everything is stored" to both of its targets.
;; dialects linux pcap seccomp
        jmp out
        jeq #1, aa, bb
aa:     ld M[3]
bb:     ldx M[4]
        ret a
out:    ret #3
;; packet 00x64 => 3
