//! A packet in hexadecimal and ASCII, as `tcpdump -XX` prints it.

use crate::cli::failure::Failure;
use crate::cli::print_packets::packet_output::PacketOutput;
use crate::cli::print_packets::text::{Text, hex};

/// The number of bytes in a line.
const LINE: usize = 16;

/// Writes the lines of a packet, which may be longer than memory should hold at once.
pub fn write(data: &[u8], output: &mut PacketOutput) -> Result<(), Failure> {
    for (number, bytes) in data.chunks(LINE).enumerate() {
        line(number * LINE, bytes, &mut output.text);
        output.write_if_full()?;
    }
    Ok(())
}

/// Appends a line: the offset, the bytes in groups of two, and those of them that are printable.
fn line(offset: usize, bytes: &[u8], text: &mut Text) {
    text.str("\t0x");
    // At least four digits.
    let digits = (offset as u32).to_be_bytes().map(hex);
    let zeros = ((offset as u32).leading_zeros() / 4).min(4) as usize;
    text.bytes.extend_from_slice(&digits.as_flattened()[zeros..]);
    text.str(": ");
    for place in 0..LINE {
        if place % 2 == 0 {
            text.byte(b' ');
        }
        match bytes.get(place) {
            Some(&byte) => text.bytes.extend_from_slice(&hex(byte)),
            None => _ = text.str("  "),
        }
    }
    text.str("  ");
    text.bytes.extend(bytes.iter().map(|&byte| if (b' '..=b'~').contains(&byte) { byte } else { b'.' }));
    text.byte(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_tcpdump() {
        let mut text = Text::default();
        line(0x10, b"\x00\x9b\x1b[31m \x7f~Hello ", &mut text);
        line(0x12340, &[0xff], &mut text);
        let expected = "\t0x0010:  009b 1b5b 3331 6d20 7f7e 4865 6c6c 6f20  ...[31m .~Hello \n\
            \t0x12340:  ff                                       .\n";
        assert_eq!(String::from_utf8(text.bytes).as_deref(), Ok(expected));
    }
}
