//! Numbers in source code: single ones, and tables.

use alloc::string::String;
use core::fmt::Write;

/// The length of a line, in characters.
pub(super) const LINE: usize = 120;

/// Returns a number: small ones in decimal, others in hexadecimal.
pub(super) fn number(number: u64) -> String {
    if number < 10 { format!("{number}") } else { format!("{number:#x}") }
}

/// Returns numbers, separated by commas, in lines that begin with this indentation.
pub(super) fn lines(numbers: impl Iterator<Item = u64>, indent: &str, suffix: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for value in numbers {
        let text = format!("{}{suffix},", number(value));
        if !line.is_empty() && indent.len() + line.len() + 1 + text.len() > LINE {
            let _ = writeln!(lines, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&text);
    }
    if !line.is_empty() {
        let _ = writeln!(lines, "{indent}{line}");
    }
    lines
}
