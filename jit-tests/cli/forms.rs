//! Tests of the program forms that `cbpf convert` reads.

use super::{Bench, Outcome, Test, cbpf_with_input, equal, expect};

pub const TESTS: [(&str, Test); 3] = [
    ("forms_of_packet_filters", reads_forms_of_packet_filters),
    ("forms_of_system_call_filters", reads_forms_of_system_call_filters),
    ("forms_that_are_not_programs", names_forms_that_are_not_programs),
];

/// One program for ARP, in many forms.
fn reads_forms_of_packet_filters(_: &Bench) -> Outcome {
    let texts = [
        "Warning: assuming Ethernet\n(000) ldh      [12]\n(001) jeq      #0x806           jt 2\tjf 3\n\
         (002) ret      #262144\n(003) ret      #0\n",
        "(000) ldh [12] (001) jeq #0x806 jt 2 jf 3 (002) ret #262144 (003) ret #0",
        "BPF_STMT(BPF_LD+BPF_H+BPF_ABS, 12),\nBPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K, ETHERTYPE_ARP, 0, 1),\n\
         BPF_STMT(BPF_RET+BPF_K, 0x40000),\nBPF_STMT(BPF_RET+BPF_K, 0),\n",
        "{ .code = 0x28, .jt = 0, .jf = 0, .k = 0x0000000c },\n{ .code = 0x15, .jf = 1, .k = 0x806 },\n\
         { .code = 0x06, .k = 0x00040000 },\n{ .code = 0x06, .jt = 0, .jf = 0, .k = 0 },\n",
        "ldh [12]\njneq #2054,1\nret #262144\nret #0\n",
        "ldh [12]\njeq #2054,0,1\nret #262144\nret #0\n",
        "p_raw 0 0 *:lo *\n\tbpf filter (4):  0x28 0 0 12, 0x15 0 1 2054, 0x06 0 0 262144, 0x06 0 0 0,\n",
        "Warning: assuming Ethernet\n4\n40 0 0 12\n21 0 1 2054\n6 0 0 262144\n6 0 0 0\n",
    ];
    for text in texts {
        let output = cbpf_with_input(&["convert", "-p", "-", "--to", "bytecode"], text.as_bytes())?;
        expect(&output, 0, &["4,40 0 0 12,21 0 1 2054,6 0 0 262144,6 0 0 0"]).map_err(|e| format!("{text}: {e:?}"))?;
    }
    Ok(())
}

/// System call filters: listings of other tools, named arguments, macros.
fn reads_forms_of_system_call_filters(_: &Bench) -> Outcome {
    let filter = "32 0 0 4,21 0 3 3221225534,32 0 0 16,21 0 1 3,6 0 0 2147418112,6 0 0 0";
    let texts = [
        " line  OP   JT   JF   K\n=================================\n \
         0000: 0x20 0x00 0x00 0x00000004   ld  $data[4]\n \
         0001: 0x15 0x00 0x03 0xc000003e   jeq 3221225534 true:0002 false:0005\n \
         0002: 0x20 0x00 0x00 0x00000010   ld  $data[16]\n \
         0003: 0x15 0x00 0x01 0x00000003   jeq 3    true:0004 false:0005\n \
         0004: 0x06 0x00 0x00 0x7fff0000   ret ALLOW\n 0005: 0x06 0x00 0x00 0x00000000   ret KILL\n",
        "FILE: /run/firejail/mnt/seccomp/seccomp\n line  OP JT JF    K\n=================================\n \
         0000: 20 00 00 00000004   ld  data.architecture\n 0001: 15 00 03 c000003e   jeq ARCH_64 0002 (false 0005)\n \
         0002: 20 00 00 00000010   ld  data.args[0]\n 0003: 15 00 01 00000003   jeq 3 0004 (false 0005)\n \
         0004: 06 00 00 7fff0000   ret ALLOW\n 0005: 06 00 00 00000000   ret KILL\n",
        "A = arch\nif (A != ARCH_X86_64) goto end\nA = fd # write(fd, buf, count)\nif (A != 3) goto end\nreturn ALLOW\n\
         end: return KILL\n",
        "BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),\n\
         BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),\n\
         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offsetof(struct seccomp_data, args[0]))),\n\
         BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_close, 0, 1),\n\
         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),\nBPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL),\n",
    ];
    for text in texts {
        let output = cbpf_with_input(&["convert", "-p", "-", "--to", "bytecode"], text.as_bytes())?;
        expect(&output, 0, &[filter]).map_err(|e| format!("{text}: {e:?}"))?;
    }
    let i386 = "A = sys_number\nA == open ? 0 : 0\nA == socketcall ? 0 : 0\nreturn ALLOW";
    let raw = cbpf_with_input(&["seccomp", "asm", "--arch", "i386", "--to", "bytecode", "-"], i386.as_bytes())?;
    equal(String::from_utf8_lossy(&raw.stdout).as_ref(), "4,32 0 0 0,21 0 0 5,21 0 0 102,6 0 0 2147418112\n")
}

fn names_forms_that_are_not_programs(_: &Bench) -> Outcome {
    let cases = [
        ("   0: (b7) r0 = 0\n   1: (95) exit\n", "line 1, column 4: this is eBPF", "1 |    0: (b7) r0 = 0\n  |    ^"),
        ("{ \"defaultAction\": \"SCMP_ACT_ALLOW\" }", "this is a profile in JSON", "  | ^"),
        ("tcp port 80", "this is an expression of pcap-filter(7)", "  | ^"),
        (
            "BPF_STMT(BPF_LD+BPF_W+BPF_ABS, OFFSET),",
            "line 1, column 32: expected a number",
            "                               ^",
        ),
    ];
    for (text, message, caret) in cases {
        expect(&cbpf_with_input(&["convert", "-p", "-", "--to", "c"], text.as_bytes())?, 1, &[message, caret])?;
    }
    Ok(())
}
