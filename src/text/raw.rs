//! `struct sock_filter`, 8 bytes an instruction, little-endian: u16 code, u8 jt, u8 jf, u32 k.

use crate::instruction::RawInstruction;
use crate::text::error::ParseError;
use crate::text::{LONGEST, too_long};

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<RawInstruction>, ParseError> {
    let (instructions, rest) = bytes.as_chunks();
    if instructions.len() > LONGEST {
        return Err(ParseError::at_byte(8 * LONGEST, too_long()));
    }
    if !rest.is_empty() {
        let message = format!("expected 8 bytes an instruction, and {} are left", rest.len());
        return Err(ParseError::at_byte(bytes.len() - rest.len(), message));
    }
    Ok(instructions.iter().map(decode).collect())
}

fn decode(&[c0, c1, jt, jf, k0, k1, k2, k3]: &[u8; 8]) -> RawInstruction {
    RawInstruction::new(u16::from_le_bytes([c0, c1]), jt, jf, u32::from_le_bytes([k0, k1, k2, k3]))
}

pub(super) fn print(program: &[RawInstruction]) -> Vec<u8> {
    program.iter().flat_map(encode).collect()
}

fn encode(&RawInstruction { code, jt, jf, k }: &RawInstruction) -> [u8; 8] {
    let ([c0, c1], [k0, k1, k2, k3]) = (code.to_le_bytes(), k.to_le_bytes());
    [c0, c1, jt, jf, k0, k1, k2, k3]
}
