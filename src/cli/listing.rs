//! The instructions of a program as lines of a listing.

use cbpf::{Form, Program};

/// Each instruction as `tcpdump -d` prints it, with single spaces and without its number: `jeq #0x800 jt 2 jf 5`.
pub fn lines(program: &Program) -> Vec<String> {
    let listing = program.print(Form::Listing);
    let without_number = |line: &str| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    String::from_utf8_lossy(&listing).lines().map(without_number).collect()
}
