//! The shape of a program: all of it but the constants that decide nothing at compile time.
//!
//! Programs of one shape have one graph, in which such constants are open ([`OpenConstant`]). That is right for any
//! constants, as passes know nothing of them; which ones are left open is a question of speed only. Code is as fast as
//! with the constants in it if each number from the packet is compared with one constant: more of them would have been
//! sorted, joined, or looked up.

use alloc::vec::Vec;

use crate::bpf::instruction::{Operand, RawInstruction};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::verify::{Step, Verified};
use crate::ir::{KnownBits, OpenConstant};
use crate::packet::protocols;

/// The longest program that has open constants, in instructions.
const LONGEST: usize = 256;

/// The most tests of a program with open constants.
const MOST_TESTS: usize = 64;

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

/// A number from the packet: the load, and the mask that is applied to it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tested {
    load: Step,
    mask: u32,
}

impl Shape {
    /// Returns the shape of a program; a long one has no open constants.
    pub(crate) fn of(verified: &Verified) -> Shape {
        let instructions = verified.program().instructions().to_vec();
        let mut shape = Shape { instructions, tests: Vec::new(), constants: Vec::new() };
        if verified.steps().len() <= LONGEST {
            let mut equalities = equalities(verified.steps());
            if equalities.len() > MOST_TESTS {
                equalities.clear();
            }
            for &(pc, tested, k) in &equalities {
                if can_be_open(&equalities, tested, k) {
                    shape.open(pc, tested.mask, k);
                }
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

/// Returns the tests of a number from the packet for equality with a constant.
fn equalities(steps: &[Step]) -> Vec<(usize, Tested, u32)> {
    let mut equalities = Vec::new();
    // What A holds before each instruction: nothing if that is no number from the packet, or not the same on all paths.
    let mut held: Vec<Option<Option<Tested>>> = vec![None; steps.len()];
    held[0] = Some(None);
    for (pc, &step) in steps.iter().enumerate() {
        let Some(before) = held[pc] else { continue };
        let after = match step {
            Step::LoadAbsolute(width, _) | Step::LoadIndirect(width, _) => {
                (width != Width::Byte).then(|| Tested { load: step, mask: KnownBits::of_width(width).max })
            }
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
                if let (Condition::Equal, Operand::Constant(k), Some(tested)) = (condition, operand, before) {
                    equalities.push((pc, tested, k));
                }
                lead_to(then);
                lead_to(otherwise);
            }
            Step::Jump(target) => lead_to(target),
            Step::Return(_) => {}
            _ => lead_to(pc + 1),
        }
    }
    equalities
}

/// Returns whether a number may be compared with an open constant.
fn can_be_open(equalities: &[(usize, Tested, u32)], tested: Tested, k: u32) -> bool {
    let is_only = || equalities.iter().all(|(_, other, l)| other.load != tested.load || (*other, *l) == (tested, k));
    !KEPT.contains(&k) && k & !tested.mask == 0 && is_only()
}
