//! Profiles: how many packets took each way through a program.
//!
//! A profile counts while the interpreter runs, one pair of numbers an instruction; [`Profile::blocks`] gathers them into
//! the basic blocks of the program as it is written.

use std::ops::Range;

use crate::bpf::isa::Width;
use crate::bpf::verify::{SCRATCH_WORDS, Step, Verified};
use crate::interpret::halt_reason::Stop;
use crate::interpret::observer::{Registers, Watch};
use crate::packet::Packet;

/// Counts how many packets took each way through a program.
///
/// ```
/// use cbpf::{Dialect, Profile, Program, Way};
/// let program: Program = "ldb [0]\n jeq #6, keep\n ret #0\n keep: ret #-1".parse()?;
/// let mut profile = Profile::new(&program.verify(Dialect::Linux)?);
/// for packet in [&[6, 1][..], &[17], &[6], &[]] {
///     profile.run(packet);
/// }
/// assert_eq!((profile.packets(), profile.kept()), (4, 2));
///
/// let blocks = profile.blocks();
/// assert_eq!(blocks[0].instructions, 0..2);
/// assert_eq!((blocks[0].packets, blocks[0].stopped), (4, 1));
/// let ways: Vec<_> = blocks[0].edges.iter().map(|edge| (edge.way, edge.target, edge.packets)).collect();
/// assert_eq!(ways, [(Way::True, 2, 2), (Way::False, 1, 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Profile {
    verified: Verified,
    counts: Vec<Count>,
    packets: u64,
    kept: u64,
}

/// How often an instruction was executed, and how often another one came next.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    executed: u64,
    /// The target of a test that held.
    then: u64,
    /// Any other.
    otherwise: u64,
}

/// A basic block: instructions that are executed one after the other, and what came behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// The numbers of its instructions; there is at least one.
    pub instructions: Range<usize>,
    /// How many packets came to it.
    pub packets: u64,
    /// For how many of them the program ended here without a return; see [`Stop`].
    pub stopped: u64,
    /// The ways out of it: none behind a return, two behind a test whose targets differ, else one.
    pub edges: Vec<Edge>,
}

/// A way from one block to another, which stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// When it is taken.
    pub way: Way,
    /// The place of the block that it leads to, in [`Profile::blocks`].
    pub target: usize,
    /// How many packets took it.
    pub packets: u64,
}

/// When an edge is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The test holds.
    True,
    /// The test does not hold.
    False,
    /// There is no other edge: a jump, the next instruction, or a test with one target.
    Always,
}

impl Profile {
    /// A profile of a program that has not seen any packet.
    pub fn new(verified: &Verified) -> Profile {
        let counts = vec![Count::default(); verified.steps().len()];
        Profile { verified: verified.clone(), counts, packets: 0, kept: 0 }
    }

    /// Runs the program by interpretation, counts its way, and gives the verdict, as [`Verified::interpret`] does.
    pub fn run<'p>(&mut self, packet: impl Into<Packet<'p>>) -> u32 {
        let mut counter = Counter { steps: self.verified.steps(), counts: &mut self.counts, last: None };
        let verdict = self.verified.run(&packet.into(), &mut counter).unwrap_or_else(Stop::verdict);
        self.packets += 1;
        self.kept += u64::from(verdict != 0);
        verdict
    }

    /// The program.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// How many packets it was run on.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// How many of them had a verdict other than 0.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// How many packets executed the instruction `pc`; 0 for one that is not there.
    pub fn executed(&self, pc: usize) -> u64 {
        self.counts.get(pc).map_or(0, |count| count.executed)
    }

    /// The basic blocks of the program, in its order, with the counts. Code that nothing reaches is there, too.
    pub fn blocks(&self) -> Vec<Block> {
        let starts = starts(self.verified.steps());
        let ends = starts.iter().skip(1).copied().chain([self.counts.len()]);
        starts.iter().zip(ends).map(|(&start, end)| self.block(start..end, &starts)).collect()
    }

    fn block(&self, instructions: Range<usize>, starts: &[usize]) -> Block {
        let last = instructions.end - 1;
        let Count { executed, then, otherwise } = self.counts[last];
        let edge =
            |way, target, packets| Edge { way, target: starts.partition_point(|&start| start < target), packets };
        let (edges, left) = match self.verified.steps()[last] {
            Step::Return(_) => (Vec::new(), executed),
            Step::Branch { then: held, otherwise: not, .. } if held != not => {
                (vec![edge(Way::True, held, then), edge(Way::False, not, otherwise)], executed)
            }
            Step::Jump(target) | Step::Branch { then: target, .. } => {
                (vec![edge(Way::Always, target, then + otherwise)], executed)
            }
            _ => (vec![edge(Way::Always, last + 1, otherwise)], otherwise),
        };
        let packets = self.executed(instructions.start);
        Block { instructions, packets, stopped: packets - left, edges }
    }
}

/// Where blocks begin: at the first instruction, at targets, and behind jumps and returns.
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

/// Counts what the interpreter tells.
struct Counter<'a> {
    steps: &'a [Step],
    counts: &'a mut [Count],
    last: Option<usize>,
}

impl Watch for Counter<'_> {
    fn step(&mut self, pc: usize, _: Registers, _: &[u32; SCRATCH_WORDS]) {
        if let Some(last) = self.last {
            match self.steps[last] {
                Step::Branch { then, .. } if then == pc => self.counts[last].then += 1,
                _ => self.counts[last].otherwise += 1,
            }
        }
        self.counts[pc].executed += 1;
        self.last = Some(pc);
    }

    fn load(&mut self, _: usize, _: Width) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::dialect::Dialect;
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
    fn a_block_ends_before_a_target_and_behind_a_jump() {
        let text = "ldb [0]\n jeq #1, next\n ldb [1]\n next: ldb [2]\n ja end\n ret #7\n end: ret a";
        let blocks = blocks(text, &[&[1, 2, 3], &[2, 2, 3], &[2], &[1, 2]]);
        let ranges: Vec<_> = blocks.iter().map(|block| block.instructions.clone()).collect();
        assert_eq!(ranges, [0..2, 2..3, 3..5, 5..6, 6..7]);
        let counts: Vec<_> = blocks.iter().map(|block| (block.packets, block.stopped)).collect();
        assert_eq!(counts, [(4, 0), (2, 1), (3, 1), (0, 0), (2, 0)]);
        assert_eq!(blocks[1].edges, [Edge { way: Way::Always, target: 2, packets: 1 }]);
        assert_eq!(blocks[2].edges, [Edge { way: Way::Always, target: 4, packets: 2 }]);
    }

    #[test]
    fn a_test_with_one_target_has_one_edge() {
        let blocks = blocks("jeq #0, next\n next: jeq #1, next2\n next2: ret #1", &[b"", b""]);
        assert_eq!(blocks[0].edges, [Edge { way: Way::Always, target: 1, packets: 2 }]);
        assert_eq!(blocks[1].edges, [Edge { way: Way::Always, target: 2, packets: 2 }]);
    }

    #[test]
    fn what_goes_in_comes_out() {
        let text = "ldb [0]\n ldx #0\n jgt #4, far\n div x\n ret #1\n far: ldb [1]\n ret #2";
        for block in blocks(text, &[&[3], &[9], &[9, 9], &[]]) {
            let is_return = block.edges.is_empty();
            let out: u64 = block.edges.iter().map(|edge| edge.packets).sum();
            assert!(is_return || block.packets == out + block.stopped, "{block:?}");
        }
    }
}
