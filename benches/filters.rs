//! The filters of the benches, as tcpdump compiles them (`filters/*.ddd`): S1 to S6 are such as people write, L1 is a
//! list of 100 hosts and L2 one of 200 ports.

use std::collections::BTreeSet;

use cbpf::{Condition, Dialect, Instruction, Operand, Program, Verified};

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

/// The program of a filter of the list.
pub fn program(name: &str) -> Program {
    let (_, text) = FILTERS.iter().find(|(named, _)| *named == name).expect("a filter of the list");
    text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn verify(name: &str, program: &Program) -> Verified {
    program.verify(DIALECT).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The hosts that L1 looks for, in ascending order: the numbers that it tests for and that no EtherType, protocol or port is.
pub fn hosts() -> Vec<u32> {
    let program = program("L1");
    let tested = program.disassemble().filter_map(|instruction| match instruction {
        Instruction::JumpIf { condition: Condition::Equal, operand: Operand::Constant(k), .. } => Some(k),
        _ => None,
    });
    let hosts: BTreeSet<u32> = tested.filter(|&k| k > 0xffff).collect();
    hosts.into_iter().collect()
}
