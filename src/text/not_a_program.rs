//! Texts that are not programs but are often taken for one: each is refused with what it is and what to use instead.

use alloc::vec::Vec;

use crate::text::c_array;
use crate::text::error::ParseError;

/// The test for a kind of text that is not a program, and the message with the kind and the expected input.
type Refusal = (fn(&str) -> bool, &'static str);

#[rustfmt::skip]
static TABLE: [Refusal; 9] = [
    (is_ebpf, "this is eBPF, which has other instructions: expected classic BPF, as `tcpdump -d` prints it"),
    (|text| head(text).contains("pseudo filter code"),
        "this is libseccomp's pseudo filter code, without instructions: expected the output of seccomp_export_bpf"),
    (is_profile, "this is a profile in JSON: expected the filter made from it, as `seccomp-tools dump` prints it"),
    (is_dump, "this is a hex dump: expected the bytes, which `xxd -r` restores"),
    (|text| ["bpf.Load", "bpf.Jump", "bpf.Ret", "bpf.ALU"].iter().any(|name| text.contains(name)),
        "these are values of Go: expected the output of `fmt.Println` for them, or for the result of `bpf.Assemble`"),
    (|text| is_source(text, &["VALIDATE_ARCHITECTURE", "ALLOW_SYSCALL"]),
        "these are macros of seccomp-bpf.h: expected their expansion, as `cc -E` prints it"),
    (|text| is_source(text, &["sock_filter"]),
        "this is a source in C: expected the array of `struct sock_filter` alone"),
    (|text| head(text).contains("flen="),
        "this is machine code of the kernel: expected the program that it was compiled from"),
    (is_expression, "this is an expression of pcap-filter(7), not a program: `cbpf compile` makes a program from it"),
];

/// Returns the error for a text that could not be read: that it is not a program if its kind is known, else `error`.
pub(super) fn explain(text: &str, error: ParseError) -> ParseError {
    match TABLE.iter().find(|(is_kind, _)| is_kind(text)) {
        Some((_, message)) => ParseError::at(text, text.len() - text.trim_start().len(), *message),
        None => error,
    }
}

/// Returns the first lines of a text.
fn head(text: &str) -> &str {
    &text[..text.split_inclusive('\n').take(20).map(str::len).sum()]
}

/// Returns whether one of the first lines is an assignment to a register of eBPF: `r1 = 0`.
fn is_ebpf(text: &str) -> bool {
    let is_register = |word: &str| {
        let digits = word.strip_prefix(['r', 'w']).unwrap_or("");
        !digits.is_empty() && digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit())
    };
    head(text).lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().take(32).collect();
        words.windows(2).any(|pair| is_register(pair[0]) && pair[1].ends_with('='))
    })
}

/// Returns whether a text is a profile of Docker, OCI or seccompiler.
fn is_profile(text: &str) -> bool {
    let keys = ["\"defaultAction\"", "\"default_action\"", "\"syscalls\""];
    text.trim_start().starts_with('{') && keys.iter().any(|key| text.contains(key))
}

/// Returns whether a text contains one of these names and is not an array of instructions.
fn is_source(text: &str, names: &[&str]) -> bool {
    names.iter().any(|name| text.contains(name)) && !c_array::begins(text)
}

/// Returns whether a text is the output of xxd, `hexdump -C` or od.
fn is_dump(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let offset = words.next().unwrap_or("");
    let digits = offset.strip_suffix(':').unwrap_or(offset);
    let is_hex = |word: &str, len: &[usize]| len.contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex(digits, &[7, 8]) && words.take(3).all(|word| is_hex(word, &[2, 4, 6]))
}

/// Returns whether a text is a line that begins with a word of the filter language.
fn is_expression(text: &str) -> bool {
    #[rustfmt::skip]
    const WORDS: [&str; 28] = [
        "ip", "ip6", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "igmp", "sctp", "ether", "host", "net", "port",
        "portrange", "src", "dst", "not", "vlan", "mpls", "pppoes", "broadcast", "multicast", "inbound", "outbound",
        "less", "greater", "proto",
    ];
    let first = text.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| !word.is_empty());
    first.is_some_and(|first| WORDS.contains(&first)) && text.lines().count() == 1
}

#[cfg(test)]
mod tests {
    use crate::bpf::program::Program;

    #[test]
    fn names_the_kind_of_a_text_that_is_not_a_program() {
        let message = |text: &str| text.parse::<Program>().unwrap_err().message().to_owned();
        let begins = |text: &str, words: &str| {
            let message = message(text);
            assert!(message.starts_with(words), "{text}: {message}");
        };
        begins("   0: (b7) r0 = 0\n   1: (95) exit\n", "this is eBPF");
        begins("r1 += 4\nexit", "this is eBPF");
        begins("#\n# pseudo filter code start\n#\n# filter for arch x86_64\nif ($arch == 1)", "this is libseccomp's");
        begins("{\n  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n \"syscalls\": []\n}", "this is a profile in JSON");
        begins("00000000: 2000 0000 2000 0000 1500 0002 4433 2211   ... .......D3\".", "this is a hex dump");
        begins("00000000  20 00 00 00 04 00 00 00  |........|", "this is a hex dump");
        begins("[]bpf.Instruction{\n bpf.LoadAbsolute{Off: 12, Size: 2},\n}", "these are values of Go");
        begins("VALIDATE_ARCHITECTURE,\nEXAMINE_SYSCALL,\n", "these are macros of seccomp-bpf.h");
        begins(
            "int main(void) {\n struct sock_filter f[] = { {6,0,0,0} };\n prctl(22, 2, &p);\n}",
            "this is a source in C",
        );
        begins("flen=4 proglen=70 pass=3 image=ffffffffa0069c8f", "this is machine code");
        begins("tcp port 80", "this is an expression");
    }

    #[test]
    fn keeps_the_error_of_a_program() {
        for text in [
            "ldh [12]\nfoo #1",
            "(000) ldh [12]\n(001) foo",
            "{ 6, 0, 0 },",
            "struct sock_filter f[] = { BPF_STMT(N, 1) };",
            "A = arch\nA = nobody",
            "1,6 0 0",
        ] {
            let message = text.parse::<Program>().unwrap_err().message().to_owned();
            assert!(message.starts_with("expected"), "{text}: {message}");
        }
    }
}
