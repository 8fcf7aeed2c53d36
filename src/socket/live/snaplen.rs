//! Programs that keep no more of a packet than is wanted.

use crate::bpf::instruction::Instruction;
use crate::bpf::isa::{Register, Width};
use crate::bpf::program::Program;

/// The largest constant in X that is followed.
const LARGEST_OFFSET: u32 = 0xffff;

/// The largest length of an IPv4 header.
const HEADER: u32 = 60;

/// Returns `program` with verdicts of at most `snaplen` bytes, but of as many as it may read: it gives the same
/// verdict, or one that keeps as many of the bytes, on what is left of the packet. `None` if its loads have no limit
/// that follows from the instructions.
///
/// ```
/// use cbpf::socket::live;
/// use cbpf::{LinkType, Target, compile_expression};
///
/// let program = compile_expression("tcp port 443", &Target::new(LinkType::ETHERNET))?;
/// let program = live::with_snaplen(&program, 96).expect("headers have a limit");
/// assert_eq!(program.to_string().contains("#262144"), false);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn with_snaplen(program: &Program, snaplen: u32) -> Option<Program> {
    let most = snaplen.max(reach(program)?);
    let limited = program.disassemble().map(|instruction| match instruction {
        Instruction::ReturnConstant { verdict } => Some(Instruction::ReturnConstant { verdict: verdict.min(most) }),
        Instruction::ReturnA => None,
        other => Some(other),
    });
    limited.collect()
}

/// Returns the largest X of a program: the length of an IPv4 header, or a constant. `None` if it may be another number.
pub(super) fn largest_x(program: &Program) -> Option<u32> {
    program.disassemble().try_fold(0, |largest, instruction| {
        Some(largest.max(match instruction {
            Instruction::LoadConstant { dst: Register::X, value } if value <= LARGEST_OFFSET => value,
            Instruction::LoadMemShift { .. } => HEADER,
            Instruction::LoadConstant { dst: Register::X, .. }
            | Instruction::LoadScratch { dst: Register::X, .. }
            | Instruction::LoadLength { dst: Register::X }
            | Instruction::TransferAToX
            | Instruction::Raw(_) => return None,
            _ => 0,
        }))
    })
}

/// Returns the number of bytes that a program may read.
fn reach(program: &Program) -> Option<u32> {
    let largest_x = largest_x(program)?;
    let end = |offset: u32, width: Width| offset.checked_add(width.bytes());
    program.disassemble().try_fold(0, |reach: u32, instruction| {
        Some(reach.max(match instruction {
            Instruction::LoadAbsolute { offset, width } => end(offset, width)?,
            Instruction::LoadIndirect { offset, width } => end(offset, width)?.checked_add(largest_x)?,
            Instruction::LoadMemShift { offset } => end(offset, Width::Byte)?,
            // The kernel looks into the packet for these.
            Instruction::LoadExtension(extension) if extension.reads_packet() => return None,
            _ => 0,
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, LinkType, Packet, Target, compile_expression};

    fn compile(expression: &str) -> Program {
        compile_expression(expression, &Target::new(LinkType::ETHERNET)).expect("an expression")
    }

    /// The program finds the same in what it has left of a packet.
    #[test]
    fn what_is_left_decides() {
        let mut packet = [&[2; 12][..], &[8, 0, 0x4f], &[0; 8], &[6], &[1; 200]].concat();
        packet[20..22].fill(0);
        for expression in ["tcp", "tcp port 257", "host 1.1.1.1", "ip6 or tcp src port 257", "len > 20", "udp"] {
            let whole = compile(expression);
            for snaplen in [1, 20, 76, 100, 1000] {
                let limited = with_snaplen(&whole, snaplen).expect(expression).verify(Dialect::Pcap).expect("valid");
                let whole = whole.clone().verify(Dialect::Pcap).expect("valid");
                let kept = limited.interpret(Packet::new(&packet)) as usize;
                assert_eq!(kept == 0, whole.interpret(Packet::new(&packet)) == 0, "{expression}");
                assert!(kept == 0 || kept >= snaplen as usize);
                let left = &packet[..kept.min(packet.len())];
                let packet = Packet::new(left).with_wire_len(packet.len() as u32);
                assert_eq!(kept == 0, whole.interpret(packet) == 0, "{expression} {snaplen}");
            }
        }
    }

    #[test]
    fn computed_offsets_have_no_limit() {
        for expression in ["ether[ip[2:2]] = 1", "ip protochain 6", "ip6 protochain 6"] {
            assert_eq!(with_snaplen(&compile(expression), 96), None, "{expression}");
        }
    }
}
