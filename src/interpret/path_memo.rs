//! Paths of packets that are known by what the program loads: a tree of loads, whose leaves are paths with counts.
//!
//! What a program does depends only on the numbers that it loads. A packet for which they are those of an earlier one
//! takes the same path, which is found with one look-up for each load, instead of a step for each instruction.
//!
//! The tree has a limit; packets whose paths have no room in it are interpreted. Programs with ancillary loads have no
//! tree.

use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::isa::Width;
use crate::bpf::verify::{Source, Step};
use crate::interpret::Interpreter;
use crate::interpret::observer::Unobserved;
use crate::packet::Packet;

/// The shortest program whose paths are kept, in instructions; others are interpreted as fast.
const FEWEST_INSTRUCTIONS: usize = 24;

/// The most loads and their numbers in the tree, a power of two, and the most words of paths.
const MOST_EDGES: usize = 1 << 17;
const MOST_WORDS: usize = 1 << 21;

/// The most places of the table that an edge may be in, however the numbers are chosen.
const MOST_PROBES: usize = 32;

/// The key of a load that is out of bounds; numbers have 32 bits.
const OUT_OF_BOUNDS: u64 = u64::MAX;

/// A load of a number from a place that depends on the numbers before it only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    Packet(u64, Width),
    WireLen,
}

/// The tree of loads.
#[derive(Clone, Debug, Default)]
pub(super) struct PathMemo {
    is_enabled: bool,
    /// The load of each node; the first one is that of the root.
    nodes: Vec<Load>,
    /// A hash table from a node and a number to the target, and how many it holds.
    edges: Vec<Option<Edge>>,
    used: usize,
    paths: Vec<Path>,
    /// The branches of all paths, one bit each.
    branches: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    node: u32,
    number: u64,
    target: Target,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Node(u32),
    Path(u32),
}

/// A path with the number of packets on it.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) verdict: u32,
    pub(super) hash: u64,
    pub(super) packets: u64,
    /// The last instruction.
    last: usize,
    /// The first word of its branches.
    branches: usize,
}

/// What a run of the interpreter tells about a path.
#[derive(Default)]
pub(super) struct Run {
    pub(super) loads: Vec<Load>,
    pub(super) branches: Vec<u64>,
    pub(super) branch_count: usize,
    pub(super) last: usize,
}

impl Run {
    /// Adds what an instruction loads.
    pub(super) fn load(&mut self, dialect: Dialect, step: &Step, x: u32) {
        let interpreter = Interpreter { dialect };
        match *step {
            Step::Load(_, Source::WireLen) => self.loads.push(Load::WireLen),
            Step::LoadAbsolute(width, offset) => self.loads.push(Load::Packet(offset.into(), width)),
            Step::LoadIndirect(width, offset) => {
                self.loads.push(Load::Packet(interpreter.indirect(x, offset), width));
            }
            Step::LoadMemShift(offset) => self.loads.push(Load::Packet(offset.into(), Width::Byte)),
            _ => {}
        }
    }

    /// Adds the outcome of a test.
    pub(super) fn branch(&mut self, holds: bool) {
        if self.branch_count % 64 == 0 {
            self.branches.push(0);
        }
        if let Some(word) = self.branches.last_mut() {
            *word |= u64::from(holds) << (self.branch_count % 64);
        }
        self.branch_count += 1;
    }
}

impl Load {
    fn number(self, dialect: Dialect, packet: &Packet) -> u64 {
        match self {
            Load::Packet(offset, width) => {
                let number = Interpreter { dialect }.number(packet, offset, width, &mut Unobserved);
                number.map_or(OUT_OF_BOUNDS, u64::from)
            }
            Load::WireLen => packet.wire_len().into(),
        }
    }
}

impl PathMemo {
    /// Creates an empty tree for a program.
    pub(super) fn new(steps: &[Step]) -> PathMemo {
        let is_known = |step: &Step| !matches!(step, Step::Ancillary(_));
        PathMemo { is_enabled: steps.len() >= FEWEST_INSTRUCTIONS && steps.iter().all(is_known), ..PathMemo::default() }
    }

    /// Returns whether paths are kept.
    pub(super) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Finds the path of a packet, and counts it there.
    pub(super) fn find(&mut self, dialect: Dialect, packet: &Packet) -> Option<&Path> {
        let mut node = 0;
        loop {
            let number = self.nodes.get(node as usize)?.number(dialect, packet);
            let place = self.place(node, number)?;
            match self.edges[place]?.target {
                Target::Node(next) => node = next,
                Target::Path(path) => {
                    let path = self.paths.get_mut(path as usize)?;
                    path.packets += 1;
                    return Some(path);
                }
            }
        }
    }

    /// Adds the path of a packet that was not found, if there is room; the packet is not counted there.
    pub(super) fn insert(&mut self, dialect: Dialect, packet: &Packet, run: &Run, verdict: u32, hash: u64) {
        // Half of the table stays free.
        let has_room = self.used + run.loads.len() <= MOST_EDGES / 2
            && self.branches.len() + run.branches.len() <= MOST_WORDS
            && self.paths.len() < MOST_EDGES;
        let Some((&first, others)) = run.loads.split_first().filter(|_| has_room) else { return };
        if self.edges.is_empty() {
            self.edges = vec![None; MOST_EDGES];
            self.nodes.push(first);
        }
        let mut node = 0;
        let mut rest = others.iter();
        loop {
            let next = rest.next();
            let Some(number) = self.nodes.get(node as usize).map(|load| load.number(dialect, packet)) else { return };
            let Some(place) = self.place(node, number) else { return };
            match (self.edges[place], next) {
                (Some(Edge { target: Target::Node(known), .. }), Some(_)) => node = known,
                (Some(_), _) => return,
                (None, Some(&load)) => {
                    let new = self.nodes.len() as u32;
                    self.nodes.push(load);
                    self.set(place, Edge { node, number, target: Target::Node(new) });
                    node = new;
                }
                (None, None) => {
                    let target = Target::Path(self.paths.len() as u32);
                    self.set(place, Edge { node, number, target });
                    self.paths.push(Path { verdict, hash, packets: 0, last: run.last, branches: self.branches.len() });
                    self.branches.extend(&run.branches);
                    return;
                }
            }
        }
    }

    fn set(&mut self, place: usize, edge: Edge) {
        self.edges[place] = Some(edge);
        self.used += 1;
    }

    /// Returns the place of an edge in the table, or the free place for it, if it is near.
    fn place(&self, node: u32, number: u64) -> Option<usize> {
        let key = (number ^ u64::from(node).rotate_left(40)).wrapping_mul(super::profile::SPREAD);
        let start = (key >> 32) as usize ^ key as usize;
        (0..MOST_PROBES).map(|step| (start + step) % MOST_EDGES).find(|&place| match &self.edges[place] {
            Some(edge) => edge.node == node && edge.number == number,
            None => true,
        })
    }

    /// Calls `visit` with each instruction of each path, the next one, and the number of packets on the path.
    pub(super) fn each_step(&self, steps: &[Step], mut visit: impl FnMut(usize, Option<usize>, u64)) {
        for path in self.paths.iter().filter(|path| path.packets > 0) {
            let (mut pc, mut branch) = (0, 0);
            while pc != path.last {
                let next = match steps[pc] {
                    Step::Jump(target) => target,
                    Step::Branch { then, otherwise, .. } => {
                        let word = self.branches[path.branches + branch / 64];
                        let holds = word >> (branch % 64) & 1 != 0;
                        branch += 1;
                        if holds { then } else { otherwise }
                    }
                    _ => pc + 1,
                };
                visit(pc, Some(next), path.packets);
                pc = next;
            }
            visit(pc, None, path.packets);
        }
    }
}
