//! The shape of a program: all of it but the constants that decide nothing at compile time.
//!
//! Programs of one shape have one graph, in which such constants are open ([`OpenConstant`]). That is right for any
//! constants, as passes know nothing of them; which ones are left open is a question of speed only. Code is as fast as
//! with the constants in it if each number from the packet is compared with few constants ([`MOST_MEMBERS`]): more of
//! them would have been looked up in a set.

use alloc::vec::Vec;

use crate::bpf::instruction::{Operand, RawInstruction};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::verify::{Source, Step, Verified};
use crate::ir::{KnownBits, OpenConstant};
use crate::packet::protocols;

/// The longest program that has open constants, in instructions.
const LONGEST: usize = 256;

/// The most tests of a program with open constants.
const MOST_TESTS: usize = 64;

/// The most open constants that a number is compared with.
const MOST_MEMBERS: usize = 3;

/// The constants that are never open, as programs that differ in them differ in more: 0, and common EtherTypes.
const KEPT: [u32; 9] = [
    0,
    protocols::ETHERTYPE_IPV4,
    protocols::ETHERTYPE_IPV6,
    protocols::ETHERTYPE_ARP,
    protocols::ETHERTYPE_RARP,
    protocols::ETHERTYPE_VLAN,
    protocols::ETHERTYPE_QINQ,
    protocols::ETHERTYPE_QINQ_OLD,
    protocols::ETHERTYPE_MPLS,
];

/// A program without its open constants, and these.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The instructions; an open constant is replaced by its index in `constants`.
    pub(crate) instructions: Vec<RawInstruction>,
    /// The tests with open constants, in the order of the program.
    pub(crate) tests: Vec<OpenTest>,
    /// The open constants of the program, each once.
    pub(crate) constants: Vec<u32>,
}

/// A test with an open constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OpenTest {
    /// The number of the instruction.
    pub(crate) pc: u32,
    /// The constant.
    pub(crate) open: OpenConstant,
}

/// A number from the packet: what loads it, and the mask that is applied to it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tested {
    /// A different number for each load.
    load: u64,
    mask: u32,
}

/// A comparison of a number from the packet with a constant.
struct Comparison {
    pc: usize,
    tested: Tested,
    is_equality: bool,
    k: u32,
}

impl Shape {
    /// Returns the shape of a program; a long one has no open constants.
    pub(crate) fn of(verified: &Verified) -> Shape {
        let instructions = verified.program().instructions().to_vec();
        let mut shape = Shape { instructions, tests: Vec::new(), constants: Vec::new() };
        if verified.steps().len() <= LONGEST {
            let mut comparisons = comparisons(verified.steps());
            if comparisons.len() > MOST_TESTS {
                comparisons.clear();
            }
            for &Comparison { pc, tested, k, .. } in comparisons.iter().filter(|it| can_be_open(&comparisons, it)) {
                shape.open(pc, tested.mask, k);
            }
        }
        shape
    }

    fn open(&mut self, pc: usize, mask: u32, k: u32) {
        let known = self.constants.iter().position(|&constant| constant == k);
        let index = known.unwrap_or(self.constants.len());
        if index == self.constants.len() {
            self.constants.push(k);
        }
        self.instructions[pc].k = index as u32;
        self.tests.push(OpenTest { pc: pc as u32, open: OpenConstant::new(index as u8, mask) });
    }
}

/// Returns the comparisons of numbers from the packet with constants.
fn comparisons(steps: &[Step]) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    // What A holds before each instruction: nothing if that is no number from the packet, or not the same on all paths.
    let mut held: Vec<Option<Option<Tested>>> = vec![None; steps.len()];
    held[0] = Some(None);
    for (pc, &step) in steps.iter().enumerate() {
        let Some(before) = held[pc] else { continue };
        let after = match step {
            Step::LoadAbsolute(width, offset) => tested(width, false, offset),
            Step::LoadIndirect(width, offset) => tested(width, true, offset),
            Step::Load(Register::A, Source::WireLen) => Some(Tested { load: u64::MAX, mask: u32::MAX }),
            Step::Alu(AluOp::And, Operand::Constant(k)) => {
                before.map(|tested| Tested { mask: tested.mask & k, ..tested })
            }
            Step::Load(Register::A, _) | Step::Transfer(Register::A) => None,
            Step::Ancillary(_) | Step::Alu(..) | Step::Negate => None,
            _ => before,
        };
        let mut lead_to = |target: usize| match &mut held[target] {
            Some(other) => *other = other.filter(|_| *other == after),
            unreached => *unreached = Some(after),
        };
        match step {
            Step::Branch { condition, operand, then, otherwise } => {
                if let (Operand::Constant(k), Some(tested)) = (operand, before) {
                    if condition != Condition::BitsSet {
                        comparisons.push(Comparison { pc, tested, is_equality: condition == Condition::Equal, k });
                    }
                }
                lead_to(then);
                lead_to(otherwise);
            }
            Step::Jump(target) => lead_to(target),
            Step::Return(_) => {}
            _ => lead_to(pc + 1),
        }
    }
    comparisons
}

/// Returns the number that a load gives. Bytes are protocols and flags, of which there are few.
fn tested(width: Width, is_indirect: bool, offset: u32) -> Option<Tested> {
    let load = u64::from(width.bytes()) << 33 | u64::from(is_indirect) << 32 | u64::from(offset);
    (width != Width::Byte).then(|| Tested { load, mask: KnownBits::of_width(width).max })
}

/// Returns whether the constant of a comparison may be open, given all comparisons.
fn can_be_open(comparisons: &[Comparison], it: &Comparison) -> bool {
    if it.k & !it.tested.mask != 0 || it.is_equality && KEPT.contains(&it.k) {
        return false;
    }
    let mut members = [it.k; MOST_MEMBERS];
    let mut count = 1;
    for other in comparisons.iter().filter(|other| other.tested.load == it.tested.load && other.k != it.k) {
        let is_alike = (other.tested, other.is_equality) == (it.tested, it.is_equality);
        if !is_alike {
            return false;
        }
        if !members[..count].contains(&other.k) {
            if count == MOST_MEMBERS {
                return false;
            }
            members[count] = other.k;
            count += 1;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::dialect::Dialect;
    use crate::bpf::program::Program;

    /// Checks the open constants of a program.
    fn check(text: &str, expected: &[u32]) {
        let program: Program = text.parse().expect("a program");
        let shape = Shape::of(&program.verify(Dialect::Pcap).expect("a valid program"));
        assert_eq!(shape.constants, expected, "{text}");
    }

    #[test]
    fn leaves_constants_open_that_one_number_is_compared_with() {
        let end = "keep: ret #1\n drop: ret #0";
        check(&format!("ldh [12]\n jne #0x800, drop\n ld [26]\n jeq #7, keep, drop\n {end}"), &[7]);
        check(&format!("ld [26]\n and #0xff00\n jeq #0x700, keep, drop\n {end}"), &[0x700]);
        // Never equal.
        check(&format!("ld [26]\n and #0xff00\n jeq #7, keep, drop\n {end}"), &[]);
        // A byte.
        check(&format!("ldb [23]\n jeq #6, keep, drop\n {end}"), &[]);
        check(&format!("ldh [0]\n jeq #3, keep\n ldh [2]\n jeq #3, keep, drop\n {end}"), &[3]);
        check(&format!("ldh [0]\n jeq #3, keep\n jeq #5, keep, drop\n {end}"), &[3, 5]);
        let four = "jeq #1, keep\n jeq #3, keep\n jeq #5, keep\n jeq #7, keep, drop";
        // A set.
        check(&format!("ldh [0]\n {four}\n {end}"), &[]);
        check(&format!("ldh [0]\n jlt #10, drop\n jgt #20, drop\n {end}"), &[10, 20]);
        check(&format!("ld #len\n jgt #64, keep, drop\n {end}"), &[64]);
    }

    #[test]
    fn follows_jumps() {
        // The last test is that of [0] on all paths, though [2] was loaded last in the order of the program.
        let text = "ldh [0]\n jeq #0x806, late\n ldh [2]\n jeq #99, keep, drop\n late: jeq #0x806, keep, drop\n \
                    keep: ret #1\n drop: ret #0";
        check(text, &[99]);
        let joined = "ldh [0]\n jset #1, late\n ldh [2]\n late: jeq #99, keep, drop\n keep: ret #1\n drop: ret #0";
        // One of two numbers.
        check(joined, &[]);
    }
}
