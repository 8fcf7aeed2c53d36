//! Profiles: the number of packets on each edge of a program.
//!
//! An observer of the interpreter counts for each instruction; [`Profile::blocks`] aggregates the counts to the basic
//! blocks of the original program. Packets of known paths are counted on the path; the counts of instructions follow
//! from it when they are asked for.

use alloc::vec::Vec;
use core::ops::Range;

use crate::bpf::dialect::Dialect;
use crate::bpf::isa::Width;
use crate::bpf::verify::{SCRATCH_WORDS, Step, Verified};
use crate::interpret::halt_reason::HaltReason;
use crate::interpret::observer::{Observer, Registers};
use crate::interpret::path_memo::{PathMemo, Run};
use crate::packet::Packet;

/// Counts the packets on each edge of a program.
///
/// ```
/// use cbpf::{Dialect, Program};
/// use cbpf::debug::{Profile, EdgeKind};
/// let program: Program = "ldb [0]\n jeq #6, keep\n ret #0\n keep: ret #-1".parse()?;
/// let mut profile = Profile::new(&program.verify(Dialect::Linux)?);
/// for packet in [&[6, 1][..], &[17], &[6], &[]] {
///     profile.run(packet);
/// }
/// assert_eq!((profile.packets(), profile.kept()), (4, 2));
///
/// let blocks = profile.blocks();
/// assert_eq!(blocks[0].instructions, 0..2);
/// assert_eq!((blocks[0].packets, blocks[0].halted), (4, 1));
/// let edges: Vec<_> = blocks[0].edges.iter().map(|edge| (edge.kind, edge.target, edge.packets)).collect();
/// assert_eq!(edges, [(EdgeKind::True, 2, 2), (EdgeKind::False, 1, 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Profile {
    verified: Verified,
    counts: Vec<Count>,
    packets: u64,
    kept: u64,
    last_path: u64,
    memo: PathMemo,
}

/// The number of executions of an instruction, and of each successor.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    executed: u64,
    /// Executions with a test that held.
    then: u64,
    /// Executions with any other successor.
    otherwise: u64,
}

/// A basic block and its counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Block {
    /// The numbers of its instructions, at least one.
    pub instructions: Range<usize>,
    /// The number of packets that entered the block.
    pub packets: u64,
    /// The number of packets for which the program halted here without a return; see [`HaltReason`].
    pub halted: u64,
    /// The outgoing edges: none after a return, two after a test with different targets, else one.
    pub edges: Vec<Edge>,
}

/// An edge to a later block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Edge {
    /// The condition of the edge.
    pub kind: EdgeKind,
    /// The index of the target block in [`Profile::blocks`].
    pub target: usize,
    /// The number of packets on the edge.
    pub packets: u64,
}

/// The condition of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EdgeKind {
    /// The test holds.
    True,
    /// The test does not hold.
    False,
    /// The only edge: a jump, the next instruction, or a test with one target.
    Always,
}

impl Profile {
    /// Creates a profile without packets.
    pub fn new(verified: &Verified) -> Profile {
        let counts = vec![Count::default(); verified.steps().len()];
        Profile {
            verified: verified.clone(),
            counts,
            packets: 0,
            kept: 0,
            last_path: 0,
            memo: PathMemo::new(verified.steps()),
        }
    }

    /// Interprets the program, counts its edges, and returns the verdict, as [`Verified::interpret`] does.
    pub fn run<'p>(&mut self, packet: impl Into<Packet<'p>>) -> u32 {
        let verdict = self.count(&packet.into());
        self.packets += 1;
        self.kept += u64::from(verdict != 0);
        verdict
    }

    /// Counts a packet on its path.
    fn count(&mut self, packet: &Packet) -> u32 {
        let (dialect, steps) = (self.verified.dialect(), self.verified.steps());
        if let Some(path) = self.memo.find(dialect, packet) {
            self.last_path = path.hash;
            return path.verdict;
        }
        let run = self.memo.is_enabled().then(Run::default);
        let mut counter = Counter { dialect, steps, counts: &mut self.counts, last: None, path: 0, run };
        let verdict = self.verified.run(packet, &mut counter).unwrap_or_else(HaltReason::verdict);
        self.last_path = counter.path;
        if let Some(run) = counter.run {
            self.memo.insert(dialect, packet, &run, verdict, self.last_path);
        }
        verdict
    }

    /// Returns the counts of all instructions.
    fn counts(&self) -> Vec<Count> {
        let mut counts = self.counts.clone();
        let steps = self.verified.steps();
        self.memo.each_step(steps, |pc, next, packets| {
            let count = &mut counts[pc];
            count.executed += packets;
            match (&steps[pc], next) {
                (_, None) => {}
                (&Step::Branch { then, .. }, Some(next)) if then == next => count.then += packets,
                _ => count.otherwise += packets,
            }
        });
        counts
    }

    /// Returns the program.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Returns the number of packets.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Returns the number of packets with a verdict other than 0.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// Returns a number for the instructions that the last packet executed; 0 without one.
    ///
    /// Packets with different numbers took different paths; those with the same number took the same one, as far as a
    /// hash of 64 bits tells.
    pub fn last_path(&self) -> u64 {
        self.last_path
    }

    /// Returns the number of packets that executed the instruction `pc`; 0 if it does not exist. For many instructions,
    /// [`Profile::executions`] is faster.
    pub fn executed(&self, pc: usize) -> u64 {
        self.counts().get(pc).map_or(0, |count| count.executed)
    }

    /// Returns the number of packets that executed each instruction.
    pub fn executions(&self) -> Vec<u64> {
        self.counts().into_iter().map(|count| count.executed).collect()
    }

    /// Returns the basic blocks in program order, with their counts. Unreachable blocks are included.
    pub fn blocks(&self) -> Vec<Block> {
        let starts = starts(self.verified.steps());
        let counts = self.counts();
        let ends = starts.iter().skip(1).copied().chain([counts.len()]);
        starts.iter().zip(ends).map(|(&start, end)| self.block(start..end, &starts, &counts)).collect()
    }

    fn block(&self, instructions: Range<usize>, starts: &[usize], counts: &[Count]) -> Block {
        let last = instructions.end - 1;
        let Count { executed, then, otherwise } = counts[last];
        let edge =
            |kind, target, packets| Edge { kind, target: starts.partition_point(|&start| start < target), packets };
        let (edges, left) = match self.verified.steps()[last] {
            Step::Return(_) => (Vec::new(), executed),
            Step::Branch { then: held, otherwise: not, .. } if held != not => {
                (vec![edge(EdgeKind::True, held, then), edge(EdgeKind::False, not, otherwise)], executed)
            }
            Step::Jump(target) | Step::Branch { then: target, .. } => {
                (vec![edge(EdgeKind::Always, target, then + otherwise)], executed)
            }
            _ => (vec![edge(EdgeKind::Always, last + 1, otherwise)], otherwise),
        };
        let packets = counts[instructions.start].executed;
        Block { instructions, packets, halted: packets - left, edges }
    }
}

/// Returns the first instructions of blocks: the first one, targets, and those after jumps and returns.
fn starts(steps: &[Step]) -> Vec<usize> {
    let mut starts = vec![0];
    for (pc, step) in steps.iter().enumerate() {
        match *step {
            Step::Jump(target) => starts.extend([target, pc + 1]),
            Step::Branch { then, otherwise, .. } => starts.extend([then, otherwise, pc + 1]),
            Step::Return(_) if pc + 1 < steps.len() => starts.push(pc + 1),
            _ => {}
        }
    }
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// The observer that counts.
struct Counter<'a> {
    dialect: Dialect,
    steps: &'a [Step],
    counts: &'a mut [Count],
    last: Option<usize>,
    /// A hash of the instructions.
    path: u64,
    /// What the path depends on, if paths are kept.
    run: Option<Run>,
}

/// The factor of the hash of paths: 2^64 divided by the golden ratio, which spreads small numbers.
pub(super) const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Observer for Counter<'_> {
    fn step(&mut self, pc: usize, registers: Registers, _: &[u32; SCRATCH_WORDS]) {
        if let Some(run) = &mut self.run {
            if let Some(Step::Branch { then, .. }) = self.last.map(|last| &self.steps[last]) {
                run.branch(*then == pc);
            }
            run.load(self.dialect, &self.steps[pc], registers.x);
            run.last = pc;
        }
        if let Some(last) = self.last {
            match self.steps[last] {
                Step::Branch { then, .. } if then == pc => self.counts[last].then += 1,
                _ => self.counts[last].otherwise += 1,
            }
        }
        self.counts[pc].executed += 1;
        self.path = (self.path.rotate_left(5) ^ (pc as u64 + 1)).wrapping_mul(SPREAD);
        self.last = Some(pc);
    }

    fn load(&mut self, _: usize, _: Width) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::program::Program;

    fn blocks(text: &str, packets: &[&[u8]]) -> Vec<Block> {
        let program: Program = text.parse().unwrap();
        let mut profile = Profile::new(&program.verify(Dialect::Linux).unwrap());
        packets.iter().for_each(|&packet| {
            profile.run(packet);
        });
        profile.blocks()
    }

    #[test]
    fn blocks_end_before_targets_and_after_jumps() {
        let text = "ldb [0]\n jeq #1, next\n ldb [1]\n next: ldb [2]\n ja end\n ret #7\n end: ret a";
        let blocks = blocks(text, &[&[1, 2, 3], &[2, 2, 3], &[2], &[1, 2]]);
        let ranges: Vec<_> = blocks.iter().map(|block| block.instructions.clone()).collect();
        assert_eq!(ranges, [0..2, 2..3, 3..5, 5..6, 6..7]);
        let counts: Vec<_> = blocks.iter().map(|block| (block.packets, block.halted)).collect();
        assert_eq!(counts, [(4, 0), (2, 1), (3, 1), (0, 0), (2, 0)]);
        assert_eq!(blocks[1].edges, [Edge { kind: EdgeKind::Always, target: 2, packets: 1 }]);
        assert_eq!(blocks[2].edges, [Edge { kind: EdgeKind::Always, target: 4, packets: 2 }]);
    }

    #[test]
    fn tests_with_one_target_have_one_edge() {
        let blocks = blocks("jeq #0, next\n next: jeq #1, next2\n next2: ret #1", &[b"", b""]);
        assert_eq!(blocks[0].edges, [Edge { kind: EdgeKind::Always, target: 1, packets: 2 }]);
        assert_eq!(blocks[1].edges, [Edge { kind: EdgeKind::Always, target: 2, packets: 2 }]);
    }

    #[test]
    fn paths_differ_by_instructions() {
        let program: Program = "ldb [0]\n jeq #1, next\n ldb [1]\n next: ldb [2]\n ret a".parse().unwrap();
        let mut profile = Profile::new(&program.verify(Dialect::Linux).unwrap());
        let packets: [&[u8]; 5] = [&[1, 2, 3], &[1, 0, 0, 9], &[2, 2, 3], &[2], &[2, 2]];
        let paths = packets.map(|packet| {
            profile.run(packet);
            profile.last_path()
        });
        assert_eq!(paths[0], paths[1]);
        assert!(paths[1..].iter().enumerate().all(|(place, path)| !paths[place + 2..].contains(path)));
    }

    #[test]
    fn known_paths_are_counted_as_interpreted_ones() {
        let tests: String = (0..100).map(|number| format!("jeq #{number}, keep\n")).collect();
        let text =
            format!("ld #len\n jgt #60, keep\n ldb [0]\n tax\n ldh [x + 1]\n {tests} div x\n ret #0\n keep: ret #7");
        let program: Program = text.parse().unwrap();
        let verified = program.verify(Dialect::Linux).unwrap();
        let packets: Vec<Vec<u8>> =
            (0..3000_u32).map(|n| vec![(n % 5) as u8, 0, (n % 7) as u8, (n % 150) as u8, 1, 2]).collect();
        let mut profile = Profile::new(&verified);
        let mut expected = Profile { memo: PathMemo::default(), ..Profile::new(&verified) };
        assert!(profile.memo.is_enabled() && !expected.memo.is_enabled());
        for (number, packet) in packets.iter().enumerate() {
            let packet = Packet::new(&packet[..packet.len() - number % 4]).with_wire_len(58 + number as u32 % 4);
            assert_eq!(profile.run(packet), expected.run(packet));
            assert_eq!(profile.last_path(), expected.last_path());
        }
        assert_eq!((profile.blocks(), profile.kept()), (expected.blocks(), expected.kept()));
        assert_eq!(profile.executions(), expected.executions());
        assert_eq!((profile.executed(3), profile.executed(1000)), (expected.executions()[3], 0));
        // Most packets were not interpreted.
        assert!(profile.counts[0].executed < 1500, "{}", profile.counts[0].executed);
    }

    #[test]
    fn counts_into_and_out_of_blocks_agree() {
        let text = "ldb [0]\n ldx #0\n jgt #4, far\n div x\n ret #1\n far: ldb [1]\n ret #2";
        for block in blocks(text, &[&[3], &[9], &[9, 9], &[]]) {
            let is_return = block.edges.is_empty();
            let out: u64 = block.edges.iter().map(|edge| edge.packets).sum();
            assert!(is_return || block.packets == out + block.halted, "{block:?}");
        }
    }
}
