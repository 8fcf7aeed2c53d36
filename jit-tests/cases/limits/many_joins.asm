; Forty joins in a row, each with a bit of its own and a changed A: 2^40 paths.
;; skip ebpf-cgroup_skb: the result depends on a comparison of the verdict, so the kernel walks all 2^40 paths to it
        ldx #1
        ld [0]
        st M[0]
        ld #0
        st M[1]
        ld M[0]
        jset #0x1, set0
        jmp clr0
set0:  ld M[1]
        add #1
        st M[1]
clr0:  txa
        ld M[0]
        jset #0x2, set1
        jmp clr1
set1:  ld M[1]
        add #2
        st M[1]
clr1:  txa
        ld M[0]
        jset #0x4, set2
        jmp clr2
set2:  ld M[1]
        add #3
        st M[1]
clr2:  txa
        ld M[0]
        jset #0x8, set3
        jmp clr3
set3:  ld M[1]
        add #4
        st M[1]
clr3:  txa
        ld M[0]
        jset #0x10, set4
        jmp clr4
set4:  ld M[1]
        add #5
        st M[1]
clr4:  txa
        ld M[0]
        jset #0x20, set5
        jmp clr5
set5:  ld M[1]
        add #6
        st M[1]
clr5:  txa
        ld M[0]
        jset #0x40, set6
        jmp clr6
set6:  ld M[1]
        add #7
        st M[1]
clr6:  txa
        ld M[0]
        jset #0x80, set7
        jmp clr7
set7:  ld M[1]
        add #8
        st M[1]
clr7:  txa
        ld M[0]
        jset #0x100, set8
        jmp clr8
set8:  ld M[1]
        add #9
        st M[1]
clr8:  txa
        ld M[0]
        jset #0x200, set9
        jmp clr9
set9:  ld M[1]
        add #10
        st M[1]
clr9:  txa
        ld M[0]
        jset #0x400, set10
        jmp clr10
set10:  ld M[1]
        add #11
        st M[1]
clr10:  txa
        ld M[0]
        jset #0x800, set11
        jmp clr11
set11:  ld M[1]
        add #12
        st M[1]
clr11:  txa
        ld M[0]
        jset #0x1000, set12
        jmp clr12
set12:  ld M[1]
        add #13
        st M[1]
clr12:  txa
        ld M[0]
        jset #0x2000, set13
        jmp clr13
set13:  ld M[1]
        add #14
        st M[1]
clr13:  txa
        ld M[0]
        jset #0x4000, set14
        jmp clr14
set14:  ld M[1]
        add #15
        st M[1]
clr14:  txa
        ld M[0]
        jset #0x8000, set15
        jmp clr15
set15:  ld M[1]
        add #16
        st M[1]
clr15:  txa
        ld M[0]
        jset #0x10000, set16
        jmp clr16
set16:  ld M[1]
        add #17
        st M[1]
clr16:  txa
        ld M[0]
        jset #0x20000, set17
        jmp clr17
set17:  ld M[1]
        add #18
        st M[1]
clr17:  txa
        ld M[0]
        jset #0x40000, set18
        jmp clr18
set18:  ld M[1]
        add #19
        st M[1]
clr18:  txa
        ld M[0]
        jset #0x80000, set19
        jmp clr19
set19:  ld M[1]
        add #20
        st M[1]
clr19:  txa
        ld M[0]
        jset #0x100000, set20
        jmp clr20
set20:  ld M[1]
        add #21
        st M[1]
clr20:  txa
        ld M[0]
        jset #0x200000, set21
        jmp clr21
set21:  ld M[1]
        add #22
        st M[1]
clr21:  txa
        ld M[0]
        jset #0x400000, set22
        jmp clr22
set22:  ld M[1]
        add #23
        st M[1]
clr22:  txa
        ld M[0]
        jset #0x800000, set23
        jmp clr23
set23:  ld M[1]
        add #24
        st M[1]
clr23:  txa
        ld M[0]
        jset #0x1000000, set24
        jmp clr24
set24:  ld M[1]
        add #25
        st M[1]
clr24:  txa
        ld M[0]
        jset #0x2000000, set25
        jmp clr25
set25:  ld M[1]
        add #26
        st M[1]
clr25:  txa
        ld M[0]
        jset #0x4000000, set26
        jmp clr26
set26:  ld M[1]
        add #27
        st M[1]
clr26:  txa
        ld M[0]
        jset #0x8000000, set27
        jmp clr27
set27:  ld M[1]
        add #28
        st M[1]
clr27:  txa
        ld M[0]
        jset #0x10000000, set28
        jmp clr28
set28:  ld M[1]
        add #29
        st M[1]
clr28:  txa
        ld M[0]
        jset #0x20000000, set29
        jmp clr29
set29:  ld M[1]
        add #30
        st M[1]
clr29:  txa
        ld M[0]
        jset #0x40000000, set30
        jmp clr30
set30:  ld M[1]
        add #31
        st M[1]
clr30:  txa
        ld M[0]
        jset #0x80000000, set31
        jmp clr31
set31:  ld M[1]
        add #32
        st M[1]
clr31:  txa
        ld M[0]
        jset #0x1, set32
        jmp clr32
set32:  ld M[1]
        add #33
        st M[1]
clr32:  txa
        ld M[0]
        jset #0x2, set33
        jmp clr33
set33:  ld M[1]
        add #34
        st M[1]
clr33:  txa
        ld M[0]
        jset #0x4, set34
        jmp clr34
set34:  ld M[1]
        add #35
        st M[1]
clr34:  txa
        ld M[0]
        jset #0x8, set35
        jmp clr35
set35:  ld M[1]
        add #36
        st M[1]
clr35:  txa
        ld M[0]
        jset #0x10, set36
        jmp clr36
set36:  ld M[1]
        add #37
        st M[1]
clr36:  txa
        ld M[0]
        jset #0x20, set37
        jmp clr37
set37:  ld M[1]
        add #38
        st M[1]
clr37:  txa
        ld M[0]
        jset #0x40, set38
        jmp clr38
set38:  ld M[1]
        add #39
        st M[1]
clr38:  txa
        ld M[0]
        jset #0x80, set39
        jmp clr39
set39:  ld M[1]
        add #40
        st M[1]
clr39:  txa
        ld M[1]
        add x
        ret a
;; packet 00000000 => 1
;; packet 00000001 => 35
;; packet 80000000 => 33
;; packet ffffffff => 821
