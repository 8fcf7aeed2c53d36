; A backward jump, as libpcap emits for `protochain`: refused by name in its dialect; to the kernel it is a long way.
;; dialects linux pcap seccomp
        ld #1
again:  sub #1
        jeq #0, done
        jmp again    ;; error linux seccomp: JumpOutside, pcap: JumpBackward
done:   ret #1
