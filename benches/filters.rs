//! The filters of the benches, compiled by tcpdump (`filters/*.ddd`): S1 to S6 are common ones, L1 is a list of 100
//! hosts and L2 one of 200 ports.

use std::collections::BTreeSet;

use cbpf::bpf::{Condition, Operand};
use cbpf::{Dialect, Instruction, Program, Verified};

const DIALECT: Dialect = Dialect::Pcap;

/// The filters: a name, and a program in decimal numbers.
pub const FILTERS: [(&str, &str); 8] = [
    ("S1", include_str!("filters/S1.ddd")),
    ("S2", include_str!("filters/S2.ddd")),
    ("S3", include_str!("filters/S3.ddd")),
    ("S4", include_str!("filters/S4.ddd")),
    ("S5", include_str!("filters/S5.ddd")),
    ("S6", include_str!("filters/S6.ddd")),
    ("L1", include_str!("filters/L1.ddd")),
    ("L2", include_str!("filters/L2.ddd")),
];

/// Returns the program of a filter in the list.
pub fn program(name: &str) -> Program {
    let (_, text) = FILTERS.iter().find(|(named, _)| *named == name).expect("a filter of the list");
    text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn verify(name: &str, program: &Program) -> Verified {
    program.verify(DIALECT).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the hosts of L1 in ascending order: the constants that are too large for an EtherType, protocol or port.
pub fn hosts() -> Vec<u32> {
    let program = program("L1");
    let tested = program.disassemble().filter_map(|instruction| match instruction {
        Instruction::JumpIf { condition: Condition::Equal, operand: Operand::Constant(k), .. } => Some(k),
        _ => None,
    });
    let hosts: BTreeSet<u32> = tested.filter(|&k| k > 0xffff).collect();
    hosts.into_iter().collect()
}
