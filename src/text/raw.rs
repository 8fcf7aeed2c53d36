//! Raw programs: `struct sock_filter`, 8 bytes an instruction (u16 code, u8 jt, u8 jf, u32 k), in either byte order.

use alloc::vec::Vec;

use crate::bpf::instruction::RawInstruction;
use crate::bpf::isa;
use crate::text::error::ParseError;
use crate::text::{LONGEST, too_long};

/// The byte order of `code` and `k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// Returns the byte order in which more of these instructions have an opcode, little-endian if there is no difference.
///
/// An opcode is below 256, so in the wrong order it is a multiple of 256. Only `ld #k`, whose code is 0, is ambiguous,
/// and no program that ends with a return consists of that alone.
pub(super) fn byte_order(bytes: &[u8]) -> ByteOrder {
    let named = |order| {
        let codes = instructions(bytes).map(|instruction| decode(order, instruction).code);
        codes.filter(|&code| isa::lookup(code).is_some()).count()
    };
    if named(ByteOrder::Big) > named(ByteOrder::Little) { ByteOrder::Big } else { ByteOrder::Little }
}

pub(super) fn parse(bytes: &[u8], order: ByteOrder) -> Result<Vec<RawInstruction>, ParseError> {
    if bytes.len() / 8 > LONGEST {
        return Err(ParseError::at_byte(8 * LONGEST, too_long()));
    }
    let rest = bytes.len() % 8;
    if rest != 0 {
        let message = format!("expected 8 bytes for each instruction, found {rest} at the end");
        return Err(ParseError::at_byte(bytes.len() - rest, message));
    }
    Ok(instructions(bytes).map(|instruction| decode(order, instruction)).collect())
}

fn instructions(bytes: &[u8]) -> impl Iterator<Item = &[u8; 8]> {
    bytes.chunks(8).map_while(<[u8]>::first_chunk)
}

fn decode(order: ByteOrder, &[c0, c1, jt, jf, k0, k1, k2, k3]: &[u8; 8]) -> RawInstruction {
    let (code, k) = ([c0, c1], [k0, k1, k2, k3]);
    match order {
        ByteOrder::Little => RawInstruction::new(u16::from_le_bytes(code), jt, jf, u32::from_le_bytes(k)),
        ByteOrder::Big => RawInstruction::new(u16::from_be_bytes(code), jt, jf, u32::from_be_bytes(k)),
    }
}

pub(super) fn print(program: &[RawInstruction], order: ByteOrder) -> Vec<u8> {
    program.iter().flat_map(|instruction| encode(order, instruction)).collect()
}

fn encode(order: ByteOrder, &RawInstruction { code, jt, jf, k }: &RawInstruction) -> [u8; 8] {
    let ([c0, c1], [k0, k1, k2, k3]) = match order {
        ByteOrder::Little => (code.to_le_bytes(), k.to_le_bytes()),
        ByteOrder::Big => (code.to_be_bytes(), k.to_be_bytes()),
    };
    [c0, c1, jt, jf, k0, k1, k2, k3]
}

#[cfg(test)]
mod tests {
    use crate::bpf::program::Program;
    use crate::text::Form;

    #[test]
    fn detects_the_byte_order_by_the_opcodes() {
        let program: Program = "ld #256\nld [4]\njeq #0x80000016, ok\nret #0\nok: ret #0x7fff0000".parse().unwrap();
        for (form, first) in [(Form::Raw, [0x20, 0]), (Form::RawBigEndian, [0, 0x20])] {
            let bytes = program.print(form);
            assert_eq!(bytes[8..10], first);
            assert_eq!(Form::detect(&bytes), form);
            assert_eq!(Program::parse(&bytes).unwrap(), program);
            // An unknown instruction does not change the result.
            let damaged = [&bytes[..], &[0xff; 8]].concat();
            assert_eq!(Form::detect(&damaged), form);
        }
        let no_opcodes = [0; 16];
        assert_eq!(Form::detect(&no_opcodes), Form::Raw);
    }
}
