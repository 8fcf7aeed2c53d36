//! Decides whether a program rejects all packets, for warnings: in less time than a proof takes, and not for all
//! programs.
//!
//! A packet that the program accepts is often found at once (`walk.rs`). If not, the search walks along the paths of the
//! program, computes with symbolic bits (`bit_vectors.rs`), and assumes the outcomes of tests (`path_condition.rs`). It
//! leaves a path at a test that contradicts earlier ones. The first path to a verdict other than 0 decides nearly all
//! programs; for arithmetic with carries, the passes of the optimiser may help.
//!
//! Invariants
//! - The assumptions on a path hold for every packet that takes it, so a program whose paths are all contradictory
//!   accepts no packet. Bytes that may overlap are different variables, and packets are as long as necessary.
//! - Work and memory are linear in the length of the program, and the work is bounded for all programs. Beyond the
//!   bound, the answer is [`Answer::Unknown`].

use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Operand;
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};
use crate::packet::MAX_CAPTURED;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::prove::bit_vectors::{BitVectorId, BitVectors, Origin};
use crate::prove::path_condition::PathCondition;

/// The most steps of a search for each instruction of a program, and the bounds for a program.
const STEPS_EACH: usize = 16;
const MIN_STEPS: usize = 1 << 14;
const MAX_STEPS: usize = 1 << 22;

/// The most different values of a search.
const MAX_VALUES: usize = 1 << 14;

/// The largest offset from a computed base at which packets are assumed to have bytes.
const MAX_OFFSET: u32 = 1 << 16;

impl Verified {
    /// Returns whether the verdict is 0 on every packet, as for `tcp and udp`.
    ///
    /// The work is bounded: `true` is proven, but `false` may also mean that no proof was found. Returns `false` for
    /// programs of [`Dialect::Seccomp`], whose verdicts are actions.
    ///
    /// ```
    /// use cbpf::{Dialect, Program};
    /// let program: Program = "ldb [9]\n jeq #6, next, drop\n next: jeq #17, keep, drop
    ///                         keep: ret #-1\n drop: ret #0".parse()?;
    /// assert!(program.verify(Dialect::Pcap)?.rejects_all());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rejects_all(&self) -> bool {
        if self.has_witness() {
            return false;
        }
        match Search::new(self).answer() {
            Answer::Accepts => false,
            Answer::RejectsAll => true,
            Answer::Unknown => self.steps().len() <= MAX_REDUCED && self.is_nothing_when_reduced(),
        }
    }
}

/// The longest program that is optimised for the answer, in instructions: the memory may grow with the square of the
/// length, up to 75 MB here.
const MAX_REDUCED: usize = 1 << 13;

/// The result of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// A path without a contradiction accepts packets.
    Accepts,
    RejectsAll,
    Unknown,
}

/// The registers and scratch words.
#[derive(Clone, Copy)]
struct Machine {
    a: BitVectorId,
    x: BitVectorId,
    scratch: [BitVectorId; SCRATCH_WORDS],
    /// Set if a test or a load of the path depends on opaque variables.
    is_opaque: bool,
}

/// The other edge of a branch on the path, to be taken later.
struct Alternative {
    pc: usize,
    machine: Machine,
    /// The mark of the path condition before the test, and the test that holds on this edge.
    mark: usize,
    test: (BitVectorId, Condition, u32),
}

struct Search<'p> {
    verified: &'p Verified,
    values: BitVectors,
    path: PathCondition,
    alternatives: Vec<Alternative>,
    /// Set if a path accepts that may be contradictory.
    is_doubtful: bool,
}

/// The next step of a path.
enum Next {
    Step(usize),
    End,
    Accepts,
}

impl<'p> Search<'p> {
    fn new(verified: &'p Verified) -> Search<'p> {
        let (values, path) = (BitVectors::default(), PathCondition::default());
        Search { verified, values, path, alternatives: Vec::new(), is_doubtful: false }
    }

    fn answer(mut self) -> Answer {
        if self.verified.dialect() == Dialect::Seccomp {
            return Answer::Accepts;
        }
        let most = (MIN_STEPS + STEPS_EACH * self.verified.steps().len()).min(MAX_STEPS);
        let zero = self.values.constant(0);
        let mut machine = Machine { a: zero, x: zero, scratch: [zero; SCRATCH_WORDS], is_opaque: false };
        let mut pc = 0;
        loop {
            self.path.work += 1;
            if self.path.work > most || self.values.counts().0 > MAX_VALUES {
                return Answer::Unknown;
            }
            match self.step(pc, &mut machine) {
                Next::Step(step) => pc = step,
                Next::Accepts => return Answer::Accepts,
                Next::End => match self.backtrack() {
                    Some(alternative) => (pc, machine) = (alternative.pc, alternative.machine),
                    None if self.is_doubtful => return Answer::Unknown,
                    None => return Answer::RejectsAll,
                },
            }
        }
    }

    /// Returns to the last branch whose other edge does not contradict the path to it.
    fn backtrack(&mut self) -> Option<Alternative> {
        loop {
            let alternative = self.alternatives.pop()?;
            self.path.forget(alternative.mark);
            let (value, condition, k) = alternative.test;
            if self.path.assume(&mut self.values, value, condition, k) {
                return Some(alternative);
            }
        }
    }

    fn step(&mut self, pc: usize, machine: &mut Machine) -> Next {
        let next = Next::Step(pc + 1);
        match self.verified.steps()[pc] {
            Step::Load(register, source) => {
                let value = match source {
                    Source::Constant(value) => self.values.constant(value),
                    Source::Scratch(slot) => machine.scratch[slot],
                    Source::WireLen => self.values.of(Origin::WireLen),
                };
                match register {
                    Register::A => machine.a = value,
                    Register::X => machine.x = value,
                }
            }
            Step::LoadAbsolute(width, offset) => match self.load(width, offset) {
                Some(value) => machine.a = value,
                None => return Next::End,
            },
            Step::LoadIndirect(width, offset) => {
                // Packets may not be so long.
                machine.is_opaque |= self.values.is_opaque(machine.x) || offset > MAX_OFFSET;
                match self.load_indirect(machine.x, width, offset) {
                    Some(value) => machine.a = value,
                    None => return Next::End,
                }
            }
            Step::LoadMemShift(offset) => {
                let Some(byte) = self.load(Width::Byte, offset) else { return Next::End };
                let (low, two) = (self.values.masked(byte, 0xf), self.values.constant(2));
                machine.x = self.values.alu(AluOp::Lsh, low, two).unwrap_or(low);
            }
            Step::Ancillary(extension) => return self.ancillary(pc, extension, machine),
            Step::Store(Register::A, slot) => machine.scratch[slot] = machine.a,
            Step::Store(Register::X, slot) => machine.scratch[slot] = machine.x,
            Step::Alu(op, operand) => match self.alu(op, machine.a, operand, machine.x) {
                Some(value) => machine.a = value,
                None => return Next::End,
            },
            Step::Negate => machine.a = self.values.of(Origin::Negated(machine.a)),
            Step::Jump(target) => return Next::Step(target),
            Step::Branch { condition, operand, then, otherwise } => {
                let test = self.test(condition, operand, machine);
                return self.branch(test, [then, otherwise], machine);
            }
            Step::Return(Verdict::Constant(0)) => return Next::End,
            Step::Return(Verdict::Constant(_)) => return self.accept(machine.is_opaque),
            Step::Return(Verdict::A) => return self.accept_if_set(machine),
            Step::Transfer(Register::A) => machine.a = machine.x,
            Step::Transfer(Register::X) => machine.x = machine.a,
        }
        next
    }

    /// Returns a number of the packet; `None` if no packet is so long.
    fn load(&mut self, width: Width, offset: u32) -> Option<BitVectorId> {
        match offset {
            0x8000_0000.. if self.verified.dialect().is_kernel() => {
                Header::of(offset).map(|_| self.values.of(Origin::Relative(offset, width)))
            }
            _ => self.load_from(None, offset.into(), width),
        }
    }

    fn load_indirect(&mut self, x: BitVectorId, width: Width, offset: u32) -> Option<BitVectorId> {
        let is_kernel = self.verified.dialect().is_kernel();
        match self.values.as_constant(x) {
            Some(x) if is_kernel => self.load(width, x.wrapping_add(offset)),
            Some(x) => self.load_from(None, u64::from(x) + u64::from(offset), width),
            // The sum wraps, so any offset may be in bounds.
            None if is_kernel => Some(self.values.load(Some(x), offset.into(), width)),
            None => self.load_from(Some(x), offset.into(), width),
        }
    }

    fn load_from(&mut self, base: Option<BitVectorId>, offset: u64, width: Width) -> Option<BitVectorId> {
        let is_possible = offset + u64::from(width.bytes()) <= MAX_CAPTURED as u64;
        is_possible.then(|| self.values.load(base, offset, width))
    }

    fn ancillary(&mut self, pc: usize, extension: Extension, machine: &mut Machine) -> Next {
        machine.a = match extension {
            Extension::XorX => match self.values.alu(AluOp::Xor, machine.a, machine.x) {
                Some(value) => value,
                None => return Next::End,
            },
            Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute | Extension::Random => self.values.fresh(),
            _ if extension.may_be_absent() => {
                // Without a device, A is the verdict.
                self.is_doubtful |= self.values.as_constant(machine.a) != Some(0);
                self.values.of(Origin::Ancillary(extension))
            }
            _ => self.values.of(Origin::Ancillary(extension)),
        };
        Next::Step(pc + 1)
    }

    /// Returns the result of arithmetic; `None` for a division by zero.
    fn alu(&mut self, op: AluOp, a: BitVectorId, operand: Operand, x: BitVectorId) -> Option<BitVectorId> {
        let is_masked = op.is_shift() && self.verified.dialect().is_kernel();
        let operand = match operand {
            Operand::Constant(k) => self.values.constant(k),
            Operand::X if is_masked => self.values.masked(x, 31),
            Operand::X => x,
        };
        self.values.alu(op, a, operand)
    }

    /// Returns a test as one of a value against a constant.
    fn test(&mut self, condition: Condition, operand: Operand, machine: &Machine) -> (BitVectorId, Condition, u32) {
        let Machine { a, x, .. } = *machine;
        let constant = match operand {
            Operand::Constant(k) => Some(k),
            Operand::X => self.values.as_constant(x),
        };
        if let Some(k) = constant {
            return (a, condition, k);
        }
        if a == x && !matches!(condition, Condition::BitsSet | Condition::BitsNotSet) {
            return (self.values.constant(condition.eval(0, 0).into()), Condition::Equal, 1);
        }
        let (condition, holds) = if condition.has_opcode() { (condition, 1) } else { (condition.inverse(), 0) };
        (self.values.of(Origin::Compared(condition, a, x)), Condition::Equal, holds)
    }

    /// Follows the edge on which the test holds, if it can, and remembers the other one.
    fn branch(&mut self, test: (BitVectorId, Condition, u32), to: [usize; 2], machine: &mut Machine) -> Next {
        let (value, condition, k) = test;
        let [then, otherwise] = to;
        if then == otherwise {
            return Next::Step(then);
        }
        machine.is_opaque |= self.values.is_opaque(value);
        let mark = self.path.mark();
        let test = (value, condition.inverse(), k);
        self.alternatives.push(Alternative { pc: otherwise, machine: *machine, mark, test });
        if self.path.assume(&mut self.values, value, condition, k) { Next::Step(then) } else { Next::End }
    }

    fn accept_if_set(&mut self, machine: &Machine) -> Next {
        let is_possible = self.path.assume(&mut self.values, machine.a, Condition::NotEqual, 0);
        if is_possible { self.accept(machine.is_opaque || self.values.is_opaque(machine.a)) } else { Next::End }
    }

    /// Accepts packets, if the path condition is consistent.
    fn accept(&mut self, is_opaque: bool) -> Next {
        if !self.path.are_consistent(&self.values) {
            return Next::End;
        }
        self.is_doubtful |= is_opaque;
        if is_opaque { Next::End } else { Next::Accepts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::program::Program;

    fn answer(text: &str, dialect: Dialect) -> Answer {
        let program: Program = text.parse().expect("a program");
        Search::new(&program.verify(dialect).expect("a valid program")).answer()
    }

    /// Returns the answer for a program that keeps packets on which all tests hold.
    fn all(tests: &[&str]) -> Answer {
        let tests: String =
            tests.iter().enumerate().map(|(index, test)| format!("{test}, t{index}, drop\n t{index}: ")).collect();
        answer(&format!("{tests} ret #1\n drop: ret #0"), Dialect::Pcap)
    }

    #[test]
    fn finds_contradictions() {
        for tests in [
            &["ldb [9]\n jeq #6", "jeq #17"][..],
            &["ldb [9]\n jeq #6", "ldh [8]\n jset #0x10"],
            &["ldb [9]\n jgt #5", "jset #7", "ldb [9]\n and #0xf8\n jeq #0", "ldb [9]\n jset #1", "ldb [9]\n jset #8"],
            &["ld [12]\n jeq #0x01020304", "ldb [14]\n jgt #3"],
            &["ldb [14]\n jgt #3", "ld [12]\n jeq #0x01020304"],
            &["ldxb 4*([14]&0xf)\n ldh [x + 14]\n jeq #80", "ldb [x + 15]\n jeq #81"],
            &["ldb [0]\n rsh #4\n jeq #4", "ldb [0]\n and #0xf0\n jeq #0x60"],
            &["ldb [0]\n jgt #255"],
            &["ld #len\n jgt #20", "jge #30", "ldx #len\n txa\n jeq #25"],
            &["ld [0]\n tax\n sub x\n jeq #1"],
            &["ldb [0]\n mul #4\n jset #3"],
            &["ld #1\n jeq #2"],
        ] {
            assert_eq!(all(tests), Answer::RejectsAll, "{tests:?}");
        }
    }

    #[test]
    fn accepts_consistent_tests() {
        for tests in [
            &["ldb [9]\n jeq #6", "ldb [10]\n jeq #17"][..],
            &["ldb [9]\n jset #6", "jset #9", "jset #1"],
            &["ldb [9]\n jgt #254", "jset #1"],
            &["ldxb 4*([14]&0xf)\n ldh [x + 14]\n jeq #80", "ldh [34]\n jeq #81"],
            &["ld #len\n jgt #20", "jge #30"],
            &["ldh [0]\n mod #8\n jeq #7"],
        ] {
            assert_eq!(all(tests), Answer::Accepts, "{tests:?}");
        }
    }

    #[test]
    fn finds_that_all_values_are_excluded() {
        let neither = |count: u32| {
            let tests = (0..count).fold(String::new(), |tests, k| format!("{tests} jeq #{k}, drop\n"));
            answer(&format!("ldb [0]\n and #7\n {tests} ret #1\n drop: ret #0"), Dialect::Pcap)
        };
        assert_eq!([7, 8].map(neither), [Answer::Accepts, Answer::RejectsAll]);
    }

    #[test]
    fn leaves_arithmetic_to_the_optimiser() {
        assert_eq!(all(&["ldb [0]\n mul #3\n jeq #1"]), Answer::Unknown);
        let twice =
            "ldb [0]\n tax\n ldb [1]\n jeq x, next, drop\n next: jeq x, drop, keep\n keep: ret #1\n drop: ret #0";
        assert_eq!(answer(twice, Dialect::Pcap), Answer::RejectsAll);
        let program: Program = "ldh [0]\n add #1\n jge #1, drop, keep\n keep: ret #1\n drop: ret #0".parse().unwrap();
        assert!(program.verify(Dialect::Pcap).unwrap().rejects_all());
    }

    #[test]
    fn judges_computed_verdicts() {
        assert_eq!(answer("ldb [0]\n and #0\n ret a", Dialect::Pcap), Answer::RejectsAll);
        assert_eq!(answer("ldb [0]\n ret a", Dialect::Pcap), Answer::Accepts);
        // A packet without a device gets the verdict 1.
        assert_eq!(answer("ld #1\n ld #ifidx\n ret #0", Dialect::Linux), Answer::Unknown);
        assert_eq!(answer("ld #ifidx\n ret #0", Dialect::Linux), Answer::RejectsAll);
        // libpcap shifts everything out, the kernel by 1.
        assert_eq!(answer("ldx #33\n ldb [0]\n lsh x\n ret a", Dialect::Pcap), Answer::RejectsAll);
        assert_eq!(answer("ldx #33\n ldb [0]\n lsh x\n ret a", Dialect::Linux), Answer::Accepts);
    }

    #[test]
    fn bounds_the_work() {
        // 2^40 paths, none of which accepts.
        let diamonds: String = (0..40).fold(String::new(), |text, k| {
            format!("{text} ldb [{k}]\n jeq #1, d{k}\n ldb [{}]\n jeq #2, d{k}, drop\n d{k}: ", k + 100)
        });
        let text = format!("{diamonds} ldb [200]\n jgt #255, keep\n drop: ret #0\n keep: ret #1");
        assert_eq!(answer(&text, Dialect::Pcap), Answer::Unknown);
    }
}
