//! What a text is, by how it begins: one table of the forms that are read, and of those that are refused by name.

use crate::text::cursor::{Cursor, Space};
use crate::text::error::ParseError;
use crate::text::{Form, bytecode, c_array, decimal, listing, seccomp};

/// A form in which people post programs.
struct Row {
    /// Whether a text has this form.
    has: fn(&str) -> bool,
    reading: Reading,
}

/// What becomes of a text of some form.
enum Reading {
    /// It is read.
    As(Form),
    /// It is no program; this says what it is and what to take instead.
    Instead(&'static str),
}

const fn read(has: fn(&str) -> bool, form: Form) -> Row {
    Row { has, reading: Reading::As(form) }
}

const fn instead(has: fn(&str) -> bool, message: &'static str) -> Row {
    Row { has, reading: Reading::Instead(message) }
}

/// All forms of text but [`Form::Assembler`], which begins like nothing else. A text that is refused by name is one
/// that no form reads, so its rows stand in no order with the others.
#[rustfmt::skip]
static TABLE: [Row; 14] = [
    read(listing::begins, Form::Listing),
    read(seccomp::begins, Form::Seccomp),
    read(c_array::begins, Form::C),
    read(bytecode::begins, Form::Bytecode),
    read(decimal::begins, Form::Decimal),
    instead(is_ebpf, "this is eBPF, which has other instructions: expected classic BPF, as `tcpdump -d` prints it"),
    instead(|text| head(text).contains("pseudo filter code"),
        "this is libseccomp's pseudo filter code, which has no instructions: expected what seccomp_export_bpf writes"),
    instead(is_profile,
        "this is a profile in JSON: expected the filter that is made of it, as `seccomp-tools dump` shows it"),
    instead(is_dump, "this is a dump of bytes: expected the bytes, which `xxd -r` makes of it"),
    instead(|text| ["bpf.Load", "bpf.Jump", "bpf.Ret", "bpf.ALU"].iter().any(|name| text.contains(name)),
        "these are values of Go: expected what `fmt.Println` prints of them, or of `bpf.Assemble`"),
    instead(|text| is_source(text, &["VALIDATE_ARCHITECTURE", "ALLOW_SYSCALL"]),
        "these are macros of seccomp-bpf.h: expected what they stand for, as `cc -E` shows it"),
    instead(|text| is_source(text, &["sock_filter"]),
        "this is a source in C: expected the array of `struct sock_filter` alone"),
    instead(|text| head(text).contains("flen="),
        "this is machine code of the kernel: expected the program it was made of"),
    instead(is_expression, "this is an expression of pcap-filter(7), not a program: `cbpf compile` makes one of it"),
];

/// The form that a text seems to have.
pub(super) fn form(text: &str) -> Form {
    let mut forms = TABLE.iter().filter_map(|row| match row.reading {
        Reading::As(form) => Some((row.has, form)),
        Reading::Instead(_) => None,
    });
    forms.find(|(has, _)| has(text)).map_or(Form::Assembler, |(_, form)| form)
}

/// The error of a text that could not be read: that it has a form which no program has, if so, else what was found.
pub(super) fn explain(text: &str, error: ParseError) -> ParseError {
    let mut refused = TABLE.iter().filter(|row| matches!(row.reading, Reading::Instead(_)));
    match refused.find(|row| (row.has)(text)) {
        Some(Row { reading: Reading::Instead(message), .. }) => {
            ParseError::at(text, text.len() - text.trim_start().len(), *message)
        }
        _ => error,
    }
}

/// Lines that programs and people leave before what they print.
const NOISE: [&str; 9] = [
    "Warning:",
    "WARNING:",
    "warning:",
    "tcpdump:",
    "reading from file ",
    "listening on ",
    "dropped privs to ",
    "$ ",
    seccomp::FILE,
];

/// Passes lines that stand before a program and do not belong to it.
pub(super) fn skip_noise(cursor: &mut Cursor) {
    loop {
        cursor.skip_lines();
        let line = cursor.on_this_line(Space::Line).rest();
        let is_prompt = line.contains("$ tcpdump ") || line.contains("# tcpdump ");
        if !is_prompt && !NOISE.iter().any(|noise| line.starts_with(noise)) {
            return;
        }
        cursor.skip(line.len());
    }
}

/// The first lines of a text.
fn head(text: &str) -> &str {
    &text[..text.split_inclusive('\n').take(20).map(str::len).sum()]
}

/// `r1 = 0`, as bpftool and LLVM write it, in one of the first lines.
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

/// The profiles of Docker, OCI and seccompiler.
fn is_profile(text: &str) -> bool {
    let keys = ["\"defaultAction\"", "\"default_action\"", "\"syscalls\""];
    text.trim_start().starts_with('{') && keys.iter().any(|key| text.contains(key))
}

/// What has one of these names and is no array that can be read.
fn is_source(text: &str, names: &[&str]) -> bool {
    names.iter().any(|name| text.contains(name)) && !c_array::begins(text)
}

/// What xxd, `hexdump -C` and od print.
fn is_dump(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let offset = words.next().unwrap_or("");
    let digits = offset.strip_suffix(':').unwrap_or(offset);
    let is_hex = |word: &str, len: &[usize]| len.contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex(digits, &[7, 8]) && words.take(3).all(|word| is_hex(word, &[2, 4, 6]))
}

/// What begins with a word of the filter language.
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
    fn what_is_no_program_is_named() {
        let message = |text: &str| text.parse::<Program>().unwrap_err().message().to_owned();
        let begins = |text: &str, words: &str| {
            let message = message(text);
            assert!(message.starts_with(words), "{text}: {message}");
        };
        begins("   0: (b7) r0 = 0\n   1: (95) exit\n", "this is eBPF");
        begins("r1 += 4\nexit", "this is eBPF");
        begins("#\n# pseudo filter code start\n#\n# filter for arch x86_64\nif ($arch == 1)", "this is libseccomp's");
        begins("{\n  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n \"syscalls\": []\n}", "this is a profile in JSON");
        begins("00000000: 2000 0000 2000 0000 1500 0002 4433 2211   ... .......D3\".", "this is a dump of bytes");
        begins("00000000  20 00 00 00 04 00 00 00  |........|", "this is a dump of bytes");
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
    fn a_mistake_in_a_program_is_told_as_such() {
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
