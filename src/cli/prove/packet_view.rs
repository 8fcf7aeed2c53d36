//! The packet of an answer: its bytes, with marks below those that decide, or the fields of a system call.

use std::fmt::Write as _;
use std::io::{IsTerminal, stdout};

use cbpf::prove::Witness;
use cbpf::seccomp::SeccompData;
use cbpf::{Context, LinkType};

use crate::cli::print::counted;

/// The number of bytes in a line.
const LINE: usize = 16;

/// Returns the lengths of a packet, its context if that is not the default, and its bytes in hexadecimal.
pub fn packet(witness: &Witness, link_type: LinkType) -> String {
    let captured = witness.data().len() as u64;
    let wire_len = match u64::from(witness.wire_len()) {
        wire_len if wire_len == captured => String::new(),
        wire_len => format!(", {wire_len} on the wire"),
    };
    let mut text = format!("{}{wire_len}, link type {link_type}\n", counted(captured, "byte"));
    let context = context(witness.context());
    if !context.is_empty() {
        // A string cannot fail to be written.
        let _ = writeln!(text, "context: {}", context.join(", "));
    }
    text + &hex(
        witness.data(),
        witness.deciding_bytes(),
        stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    )
}

/// Returns the lines of a packet; lines of zeros that do not matter are left out after the first one.
fn hex(data: &[u8], deciding: &[usize], has_color: bool) -> String {
    let mut text = String::new();
    let mut zeros = 0;
    for (number, bytes) in data.chunks(LINE).enumerate() {
        let start = number * LINE;
        let first = deciding.partition_point(|&offset| offset < start);
        let end = deciding.partition_point(|&offset| offset < start + LINE);
        let marked = &deciding[first..end];
        let is_last = start + LINE >= data.len();
        zeros = if marked.is_empty() && bytes.iter().all(|&byte| byte == 0) { zeros + 1 } else { 0 };
        if zeros > 1 && !is_last {
            if zeros == 2 {
                text.push_str("*\n");
            }
            continue;
        }
        let is_marked = |place: usize| marked.contains(&(start + place));
        let _ = write!(text, "{start:04x} ");
        for (place, byte) in bytes.iter().enumerate() {
            let gap = if place == LINE / 2 { "  " } else { " " };
            let _ = match has_color && is_marked(place) {
                true => write!(text, "{gap}\x1b[1;31m{byte:02x}\x1b[0m"),
                false => write!(text, "{gap}{byte:02x}"),
            };
        }
        text.push('\n');
        if !marked.is_empty() {
            let mut marks = " ".repeat(5);
            for place in 0..bytes.len() {
                marks += if place == LINE / 2 { "  " } else { " " };
                marks += if is_marked(place) { "^^" } else { "  " };
            }
            text += marks.trim_end();
            text.push('\n');
        }
    }
    text
}

/// Returns the parts of a context that are not those of the default.
pub fn context(context: &Context) -> Vec<String> {
    let numbers = [
        ("protocol", context.get_protocol().into(), true),
        ("packet type", context.get_packet_type().into(), false),
        ("mark", context.get_mark(), true),
        ("queue", context.get_queue().into(), false),
        ("receive hash", context.get_receive_hash(), true),
        ("cpu", context.get_cpu(), false),
    ];
    let mut parts: Vec<String> = numbers
        .into_iter()
        .filter(|&(_, number, _)| number != 0)
        .map(|(name, number, is_hex)| if is_hex { format!("{name} {number:#x}") } else { format!("{name} {number}") })
        .collect();
    if let Some(device) = context.get_device() {
        parts.push(format!("interface {} of type {}", device.index, device.hardware_type));
    }
    if let Some(vlan) = context.get_vlan() {
        parts.push(format!("removed VLAN tag {:#06x} of type {:#06x}", vlan.tci, vlan.tpid));
    }
    if context.get_network_header() != 0 {
        parts.push(format!("network header at {}", context.get_network_header()));
    }
    parts.extend(context.get_link_header().map(|start| format!("link header at {start}")));
    parts.extend(context.get_seed().map(|seed| format!("random numbers of seed {seed}")));
    parts
}

/// Returns the fields of a system call; those that decide begin with `>`.
pub fn system_call(witness: &Witness) -> String {
    let Some(data) = witness.data().first_chunk().map(SeccompData::from_bytes) else { return String::new() };
    let mut text = String::new();
    for (name, range, value) in fields(&data) {
        let is_deciding = witness.deciding_bytes().iter().any(|offset| range.contains(offset));
        let _ = writeln!(text, "{} {name:19} {value}", if is_deciding { '>' } else { ' ' });
    }
    text
}

/// Returns the fields of `struct seccomp_data`: name, bytes and value.
fn fields(data: &SeccompData) -> Vec<(String, std::ops::Range<usize>, String)> {
    let call = data.arch.syscall_name(data.nr).map_or(String::new(), |name| format!(" ({name})"));
    let arch = data.arch.name().map_or(String::new(), |name| format!(" ({name})"));
    let head = [
        ("nr".to_owned(), 0..4, format!("{}{call}", data.nr)),
        ("arch".to_owned(), 4..8, format!("{:#010x}{arch}", data.arch.0)),
        ("instruction_pointer".to_owned(), 8..16, format!("{:#x}", data.instruction_pointer)),
    ];
    let argument = |(number, value): (usize, &u64)| {
        let start = 16 + 8 * number;
        (format!("args[{number}]"), start..start + 8, format!("{value:#x}"))
    };
    head.into_iter().chain(data.args.iter().enumerate().map(argument)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_deciding_bytes() {
        let mut data = [0; 60];
        (data[12], data[23]) = (8, 6);
        let text = "0000  00 00 00 00 00 00 00 00  00 00 00 00 08 00 00 00
                                           ^^ ^^
0010  00 00 00 00 00 00 00 06  00 00 00 00 00 00 00 00
                           ^^
0020  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
0030  00 00 00 00 00 00 00 00  00 00 00 00
";
        assert_eq!(hex(&data, &[12, 13, 23], false), text);
        assert_eq!(hex(&[0; 100], &[99], false).lines().nth(1), Some("*"));
        assert!(hex(&data, &[12], true).contains("\x1b[1;31m08\x1b[0m"));
        assert_eq!(hex(&[], &[], false), "");
    }
}
