//! Programs for packets without their link header.

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{Condition, Register, Width};
use crate::bpf::program::Program;
use crate::packet::ancillary::Extension;
use crate::socket::live::packet::COOKED_HEADER;
use crate::socket::live::snaplen::largest_x;

/// Returns the program that decides on a cooked packet in the kernel, where it begins with its network header, as
/// `program` does on the captured packet, which begins with a header of LINUX_SLL2. It keeps all packets with a VLAN
/// tag in the frame. `None` if `program` reads something else of that header than protocol, interface, and types of
/// hardware and packet, or the length, or if it computes offsets.
///
/// Source: `fix_offset` in `pcap-linux.c` of libpcap.
///
/// ```
/// use cbpf::socket::live;
/// use cbpf::{LinkType, Target, compile_expression};
///
/// let target = Target::new(LinkType::LINUX_SLL2).linux_socket();
/// let program = compile_expression("tcp port 443", &target)?;
/// assert!(live::without_header(&program).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn without_header(program: &Program) -> Option<Program> {
    // The header of an outgoing packet has the protocol behind its VLAN tag, which the kernel does not look for here.
    let tagged = [0x8100, 0x88a8].map(Operand::Constant);
    let [is_tagged, is_outer_tagged] = [(0, 1, 0), (1, 0, 1)].map(|(number, skip_true, skip_false)| {
        Instruction::JumpIf { condition: Condition::Equal, operand: tagged[number], skip_true, skip_false }
    });
    let begin = [
        Instruction::LoadExtension(Extension::Protocol),
        is_tagged,
        is_outer_tagged,
        Instruction::ReturnConstant { verdict: u32::MAX },
        Instruction::LoadConstant { dst: Register::A, value: 0 },
    ];
    // With a small X, offsets do not wrap around.
    largest_x(program)?;
    begin.into_iter().map(Some).chain(program.disassemble().map(without_header_in)).collect()
}

fn without_header_in(instruction: Instruction) -> Option<Instruction> {
    let in_packet = |offset: u32| {
        let is_from_start = offset <= i32::MAX as u32;
        offset.checked_sub(COOKED_HEADER as u32).filter(|_| is_from_start)
    };
    Some(match instruction {
        Instruction::LoadAbsolute { offset: 0, width: Width::Half } => Instruction::LoadExtension(Extension::Protocol),
        Instruction::LoadAbsolute { offset: 4, width: Width::Word } => {
            Instruction::LoadExtension(Extension::InterfaceIndex)
        }
        Instruction::LoadAbsolute { offset: 8, width: Width::Half } => {
            Instruction::LoadExtension(Extension::HardwareType)
        }
        Instruction::LoadAbsolute { offset: 10, width: Width::Byte } => {
            Instruction::LoadExtension(Extension::PacketType)
        }
        Instruction::LoadAbsolute { offset, width } => Instruction::LoadAbsolute { offset: in_packet(offset)?, width },
        Instruction::LoadMemShift { offset } => Instruction::LoadMemShift { offset: in_packet(offset)? },
        Instruction::LoadIndirect { offset, width } => Instruction::LoadIndirect { offset: in_packet(offset)?, width },
        Instruction::LoadLength { .. } => return None,
        Instruction::LoadExtension(extension) if extension.reads_packet() => return None,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Device;
    use crate::{Context, Dialect, LinkType, Packet, Target, compile_expression};

    fn compile(expression: &str) -> Program {
        compile_expression(expression, &Target::new(LinkType::LINUX_SLL2).linux_socket()).expect("an expression")
    }

    /// Both programs give the same verdict, with the context that the kernel has.
    #[test]
    fn verdicts_are_the_same() {
        let ip = |protocol: u8, port: u8| {
            let header = [0x46, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1];
            [&header[..], &[0, port, 0, 80, 0, 8, 0, 0]].concat()
        };
        let packets = [(0x0800, ip(6, 22)), (0x0800, ip(17, 53)), (0x0806, vec![0; 28]), (0x86dd, vec![0x60; 40])];
        for expression in
            ["tcp", "udp port 53", "tcp src port 22", "host 10.0.0.1", "arp", "ifindex 3", "inbound", "outbound"]
        {
            let whole = compile(expression);
            let begun = without_header(&whole).expect(expression);
            let [whole, begun] = [whole, begun].map(|program| program.verify(Dialect::Linux).expect(expression));
            for (protocol, bytes) in &packets {
                for kind in [0, 4] {
                    let [high, low] = u16::to_be_bytes(*protocol);
                    let header = [high, low, 0, 0, 0, 0, 0, 3, 0, 1, kind, 6, 2, 2, 2, 2, 2, 2, 0, 0];
                    let context = Context::default()
                        .protocol(*protocol)
                        .packet_type(kind)
                        .device(Device { index: 3, hardware_type: 1 });
                    let expected = whole.interpret(Packet::new(&[&header[..], bytes].concat()).with_context(&context));
                    let found = begun.interpret(Packet::new(bytes).with_context(&context));
                    assert_eq!(found, expected, "{expression} {protocol:#x} {kind}");
                    for tag in [0x8100, 0x88a8] {
                        let context = context.clone().protocol(tag);
                        assert_ne!(begun.interpret(Packet::new(bytes).with_context(&context)), 0);
                    }
                }
            }
        }
    }

    #[test]
    fn other_programs_stay_outside_of_the_kernel() {
        for expression in ["greater 100", "link[12] = 2", "link[ip[0:4]] = 1"] {
            assert_eq!(without_header(&compile(expression)), None, "{expression}");
        }
        // Offsets from the network header are negative numbers.
        for text in ["ldb [0xfff00009]\n ret a", "ldx #4\n ldb [x + 0xfff00009]\n ret a", "ld poff\n ret a"] {
            assert_eq!(without_header(&Program::parse(text.as_bytes()).expect("a program")), None, "{text}");
        }
    }
}
