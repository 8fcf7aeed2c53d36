//! Bounds-check elimination: checks that are known to hold are removed, and one check covers those that follow.
//!
//! A backward walk computes what each point needs: the bytes that every path from there checks for, except paths that
//! give verdict 0 anyway. A forward walk computes what each point has: the bytes that every path to there has checked
//! for. A check whose outcome is not known grows to what its point needs. So checks are never added or moved, they only
//! grow; and where a grown check fails, the program would have returned 0 later.
//!
//! A check whose failure gives another verdict than 0 is observable: no check before it grows beyond it.

use alloc::vec::Vec;

use crate::bpf::isa::Width;
use crate::ir::{Address, Block, Check, Graph, Terminator, ValueId};
use crate::opt::dataflow::{Forward, meet_of_edges};
use crate::packet::MAX_CAPTURED;

/// The most bases of addresses that are followed at a time; addresses with others keep their checks.
const BASES: usize = 8;

/// Merges checks, and removes those that are known to hold.
pub(crate) fn run(graph: &mut Graph) {
    let needs = needs(graph);
    rewrite(graph, Some(&needs));
    graph.simplify_cfg();
}

/// Removes the checks that are known to hold, and those before verdict 0 on all paths.
pub(crate) fn drop_known(graph: &mut Graph) {
    needs(graph);
    rewrite(graph, None);
    graph.simplify_cfg();
}

/// A number of bytes from each base on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes {
    fixed: u64,
    based: Vec<(ValueId, u64)>,
}

impl Bytes {
    pub(crate) fn get(&self, base: Option<ValueId>) -> u64 {
        match base {
            None => self.fixed,
            Some(base) => self.based.iter().find(|(other, _)| *other == base).map_or(0, |&(_, bytes)| bytes),
        }
    }

    /// Raises the number of bytes from a base on to `bytes`, if it is smaller.
    pub(crate) fn raise(&mut self, base: Option<ValueId>, bytes: u64) {
        let Some(base) = base else {
            self.fixed = self.fixed.max(bytes);
            return;
        };
        match self.based.iter_mut().find(|(other, _)| *other == base) {
            Some((_, known)) => *known = (*known).max(bytes),
            None => {
                self.based.truncate(BASES - 1);
                self.based.insert(0, (base, bytes));
            }
        }
    }

    fn raise_for(&mut self, address: Address, width: Width) {
        self.raise(address.base, address.end(width));
    }

    /// Raises the numbers to those of the other.
    pub(crate) fn join(&mut self, other: &Bytes) {
        self.raise(None, other.fixed);
        other.based.iter().for_each(|&(base, bytes)| self.raise(Some(base), bytes));
    }

    /// Lowers the numbers to those of the other.
    pub(crate) fn meet(&mut self, other: &Bytes) {
        self.fixed = self.fixed.min(other.fixed);
        self.based.retain_mut(|(base, bytes)| {
            *bytes = (*bytes).min(other.get(Some(*base)));
            *bytes > 0
        });
    }
}

/// The bytes that all paths from a point check for; `None` if they all give verdict 0.
type Need = Option<Bytes>;

/// Returns what the start of each block needs, and ends blocks with verdict 0 where nothing is needed any more.
fn needs(graph: &mut Graph) -> Vec<Need> {
    let mut needs: Vec<Need> = vec![None; graph.blocks.len()];
    for index in (0..graph.blocks.len()).rev() {
        let block = &graph.blocks[index];
        let mut need = need_of_terminator(graph, block, &needs);
        let mut kept = need.is_none().then_some(block.checks.len());
        for (preceding, &check) in block.checks.iter().enumerate().rev() {
            need = need_before(graph, check, need);
            kept = if need.is_none() { Some(preceding) } else { kept };
        }
        needs[index] = need;
        if let Some(kept) = kept {
            graph.blocks[index].checks.truncate(kept);
            graph.blocks[index].terminator = Terminator::Return(graph.values.constant(0));
        }
    }
    needs
}

fn need_of_terminator(graph: &Graph, block: &Block, needs: &[Need]) -> Need {
    match &block.terminator {
        Terminator::Return(verdict) if graph.constant(*verdict) == Some(0) => None,
        Terminator::Return(_) => Some(Bytes::default()),
        terminator => meet_of_edges(terminator, |edge| needs[edge.block.index()].clone(), Bytes::meet),
    }
}

/// Returns what is needed before a check, given what is needed after it.
fn need_before(graph: &Graph, check: Check, need: Need) -> Need {
    match check {
        _ if is_impossible(graph, check) => None,
        Check::InBounds(address, width) => {
            let mut need = need?;
            need.raise_for(address, width);
            Some(need)
        }
        Check::NonZero(_) => need,
        Check::Present(_, verdict) if graph.constant(verdict) == Some(0) => need,
        Check::Present(..) => Some(Bytes::default()),
    }
}

/// Returns whether a check fails on all packets.
fn is_impossible(graph: &Graph, check: Check) -> bool {
    match check {
        Check::InBounds(address, width) => {
            let least = address.base.map_or(0, |base| u64::from(graph.values.known(base).min));
            least + address.end(width) > MAX_CAPTURED as u64
        }
        Check::NonZero(divisor) => graph.constant(divisor) == Some(0),
        Check::Present(..) => false,
    }
}

fn rewrite(graph: &mut Graph, needs: Option<&[Need]>) {
    let mut starts = Forward::new(graph);
    for index in 0..graph.blocks.len() {
        let mut known: Bytes = starts.take(index);
        let block = &graph.blocks[index];
        let wanted = needs.filter(|_| !block.checks.is_empty()).map(|needs| needs_of_checks(graph, block, needs));
        let mut checks = Vec::with_capacity(block.checks.len());
        for (check_index, &check) in block.checks.iter().enumerate() {
            let Check::InBounds(address, width) = check else {
                checks.push(check);
                continue;
            };
            if is_known(graph, &known, address, width) {
                continue;
            }
            let wanted = wanted.as_ref().and_then(|needs| needs[check_index].as_ref());
            let (address, width) = grown(address, width, wanted.map_or(0, |bytes| bytes.get(address.base)));
            known.raise_for(address, width);
            checks.push(Check::InBounds(address, width));
        }
        starts.leave(block, &known, Bytes::meet);
        graph.blocks[index].checks = checks;
    }
}

/// Returns the bytes that are known to be captured where each block ends.
pub(crate) fn captured(graph: &Graph) -> Vec<Bytes> {
    let mut starts = Forward::new(graph);
    let ends = graph.blocks.iter().enumerate().map(|(index, block)| {
        let mut known: Bytes = starts.take(index);
        for check in &block.checks {
            if let Check::InBounds(address, width) = *check {
                known.raise_for(address, width);
            }
        }
        starts.leave(block, &known, Bytes::meet);
        known
    });
    ends.collect()
}

/// Returns what is needed before each check of a block, in order.
fn needs_of_checks(graph: &Graph, block: &Block, needs: &[Need]) -> Vec<Need> {
    let mut need = need_of_terminator(graph, block, needs);
    let mut before: Vec<Need> = Vec::with_capacity(block.checks.len());
    for &check in block.checks.iter().rev() {
        need = need_before(graph, check, need);
        before.push(need.clone());
    }
    before.reverse();
    before
}

/// Returns whether a load is in bounds where these bytes are known to be captured.
pub(crate) fn is_known(graph: &Graph, known: &Bytes, address: Address, width: Width) -> bool {
    let largest = address.base.map_or(0, |base| u64::from(graph.values.known(base).max));
    known.get(address.base) >= address.end(width) || known.fixed >= largest + address.end(width)
}

/// Returns the check that is grown to this number of bytes, if that is larger.
fn grown(address: Address, width: Width, bytes: u64) -> (Address, Width) {
    match u32::try_from(bytes.saturating_sub(1)) {
        Ok(offset) if bytes > address.end(width) => (Address { offset, ..address }, Width::Byte),
        _ => (address, width),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::graph_of;

    #[test]
    fn meets_and_joins() {
        let bases: Vec<Option<ValueId>> = (0..4).map(|id| Some(ValueId(id))).collect();
        let (mut a, mut b) = (Bytes::default(), Bytes::default());
        a.raise(None, 10);
        a.raise(bases[0], 5);
        a.raise(bases[1], 7);
        b.raise(None, 8);
        b.raise(bases[1], 9);
        b.raise(bases[2], 3);
        let mut both = a.clone();
        both.meet(&b);
        assert_eq!([None, bases[0], bases[1], bases[2]].map(|base| both.get(base)), [8, 0, 7, 0]);
        a.join(&b);
        assert_eq!([None, bases[0], bases[1], bases[2], bases[3]].map(|base| a.get(base)), [10, 5, 9, 3, 0]);
    }

    #[test]
    fn follows_the_last_of_many_bases() {
        let mut bytes = Bytes::default();
        (0..100).for_each(|id| bytes.raise(Some(ValueId(id)), 4));
        let known = (0..100).filter(|&id| bytes.get(Some(ValueId(id))) == 4);
        assert!(known.eq(100 - BASES as u32..100));
    }

    #[test]
    fn grows_no_check_beyond_the_largest_address() {
        let mut graph = graph_of("ldb [0]\n tax\n ldb [1]\n add x\n tax\n ld [x + 0xffff]\n ld [x + 0]\n ret a");
        run(&mut graph);
        assert_eq!(graph.blocks[0].checks.len(), 2, "{graph}");
    }

    #[test]
    fn drops_checks_if_all_paths_return_0() {
        let mut graph = graph_of("ldb [0]\n jeq #1, a\n ld [70]\n ret #0\n a: ldb [9]\n div x\n ret #0");
        run(&mut graph);
        assert_eq!(graph.to_string(), "block0:\n    return 0x0\n");
    }
}
