//! The printed form of a trace: a table of the executed instructions and their effects.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::interpret::trace::{Executed, Trace};
use crate::text::Line;

/// Prints a line for each executed instruction, as in a listing, with A and X after it, and the bytes it read, the word
/// it stored, or the target it jumped to. The last line has the verdict, and the reason if the program halted without a
/// return.
///
/// ```
/// use cbpf::{Dialect, Program};
/// let program: Program = "ldh [12]\n jne #0x806, drop\n ldb [20]\n ret a\n drop: ret #0".parse()?;
/// let trace = program.verify(Dialect::Linux)?.trace(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 6]);
/// assert!(trace.to_string().ends_with("\
/// (000) ldh      [12]                             0x806           0  [12..14] 08 06
/// (001) jeq      #0x806           jt 2 jf 4       0x806           0  -> 2
/// (002) ldb      [20]                             0x806           0
/// verdict 0, out of bounds: 1 byte at offset 20, and 14 were captured
/// "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.iter().map(line).collect();
        let width = lines.iter().map(String::len).max().unwrap_or(0);
        writeln!(f, "{:width$}  {:>10}  {:>10}", "", "A", "X")?;
        for (executed, line) in self.iter().zip(lines) {
            let Executed { after, .. } = executed;
            let (a, x, effect) = (hex(after.a), hex(after.x), effect(executed));
            writeln!(f, "{}", format!("{line:width$}  {a:>10}  {x:>10}  {effect}").trim_end())?;
        }
        match self.end() {
            Ok(verdict) => writeln!(f, "verdict {verdict}"),
            Err(stop) => writeln!(f, "verdict {}, {stop}", stop.verdict()),
        }
    }
}

/// Returns the instruction with its number, and with a blank in place of the tab of listings.
fn line(executed: &Executed) -> String {
    let Executed { pc, instruction, .. } = *executed;
    format!("({pc:03}) {}", Line { pc, raw: instruction }).replace('\t', " ")
}

/// Prints a number in hexadecimal, like the constants of tests in listings. Zero is short, so that other values stand
/// out.
fn hex(value: u32) -> String {
    if value == 0 { "0".to_owned() } else { format!("{value:#x}") }
}

/// Returns the effect of an instruction, apart from the registers.
fn effect(executed: &Executed) -> String {
    if let Some(read) = executed.read {
        let bytes: String = read.bytes.iter().map(|byte| format!(" {byte:02x}")).collect();
        return format!("[{}..{}]{bytes}", read.offset, read.offset + read.bytes.len());
    }
    if let Some((slot, value)) = executed.stored {
        return format!("M[{slot}] = {}", hex(value));
    }
    match executed.next {
        Some(next) if executed.instruction.is_jump() => format!("-> {next}"),
        _ => String::new(),
    }
}
