//! Fewer bounds checks: what is known to be captured is not asked again, and one check asks for all that follow.
//!
//! Backward, what each point needs: the bytes that every path from there checks for, unless it gives verdict 0 anyway.
//! Forward, what each point has: the bytes that every path to there has checked for. A check that does not know the
//! answer asks for all that its point needs. So no check is added or moved, they only grow; and the verdict 0 that a
//! grown check gives too early is the one that the program would have come to.
//!
//! A check whose failure gives another verdict than 0 can be seen, and nothing is asked for beyond it.

use crate::bpf::isa::Width;
use crate::ir::{Address, Block, Check, End, Graph, ValueId};

/// How many bases of addresses are followed at a time: the rest keep their checks.
const BASES: usize = 8;

/// Merges checks, and removes those that are known to hold.
pub(crate) fn run(graph: &mut Graph) {
    let needs = needs(graph);
    rewrite(graph, Some(&needs));
    graph.tidy();
}

/// Removes the checks that are known to hold.
pub(crate) fn drop_known(graph: &mut Graph) {
    rewrite(graph, None);
    graph.tidy();
}

/// So many bytes behind each base.
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

    /// What one of them has.
    pub(crate) fn join(&mut self, other: &Bytes) {
        self.raise(None, other.fixed);
        other.based.iter().for_each(|&(base, bytes)| self.raise(Some(base), bytes));
    }

    /// What both have.
    pub(crate) fn meet(&mut self, other: &Bytes) {
        self.fixed = self.fixed.min(other.fixed);
        self.based.retain_mut(|(base, bytes)| {
            *bytes = (*bytes).min(other.get(Some(*base)));
            *bytes > 0
        });
    }
}

/// What the paths from a point ask for; `None` if they all give verdict 0.
type Need = Option<Bytes>;

/// What the start of each block needs.
fn needs(graph: &Graph) -> Vec<Need> {
    let mut needs: Vec<Need> = vec![None; graph.blocks.len()];
    for (index, block) in graph.blocks.iter().enumerate().rev() {
        needs[index] =
            block.checks.iter().rev().fold(end_need(graph, block, &needs), |need, check| before(graph, *check, need));
    }
    needs
}

fn end_need(graph: &Graph, block: &Block, needs: &[Need]) -> Need {
    match &block.end {
        End::Return(verdict) if graph.constant(*verdict) == Some(0) => None,
        End::Return(_) => Some(Bytes::default()),
        end => end.edges().fold(None, |need, edge| match (need, &needs[edge.block.index()]) {
            (Some(mut need), Some(other)) => {
                need.meet(other);
                Some(need)
            }
            (need, other) => need.or_else(|| other.clone()),
        }),
    }
}

/// What is needed before a check, where that is needed behind it.
fn before(graph: &Graph, check: Check, need: Need) -> Need {
    match check {
        Check::InBounds(address, width) => {
            let mut need = need?;
            need.raise(address.base, address.end(width));
            Some(need)
        }
        Check::NonZero(_) => need,
        Check::Present(_, verdict) if graph.constant(verdict) == Some(0) => need,
        Check::Present(..) => Some(Bytes::default()),
    }
}

fn rewrite(graph: &mut Graph, needs: Option<&[Need]>) {
    let mut captured: Vec<Option<Bytes>> = vec![None; graph.blocks.len()];
    captured[0] = Some(Bytes::default());
    for index in 0..graph.blocks.len() {
        let mut known = captured[index].take().unwrap_or_default();
        let block = &graph.blocks[index];
        let wanted = needs.filter(|_| !block.checks.is_empty()).map(|needs| points(graph, block, needs));
        let mut checks = Vec::with_capacity(block.checks.len());
        for (place, &check) in block.checks.iter().enumerate() {
            let Check::InBounds(address, width) = check else {
                checks.push(check);
                continue;
            };
            if is_known(graph, &known, address, width) {
                continue;
            }
            let wanted = wanted.as_ref().and_then(|points| points[place].as_ref());
            let (address, width) = grown(address, width, wanted.map_or(0, |bytes| bytes.get(address.base)));
            known.raise(address.base, address.end(width));
            checks.push(Check::InBounds(address, width));
        }
        leave(block, &known, &mut captured);
        graph.blocks[index].checks = checks;
        if needs.is_some_and(|needs| needs[index].is_none()) {
            let zero = graph.values.constant(0);
            graph.blocks[index] = Block { end: End::Return(zero), checks: Vec::new(), ..graph.blocks[index].clone() };
        }
    }
}

/// What is known behind each block.
pub(crate) fn captured(graph: &Graph) -> Vec<Bytes> {
    let mut entries: Vec<Option<Bytes>> = vec![None; graph.blocks.len()];
    let mut captured = Vec::with_capacity(graph.blocks.len());
    for (index, block) in graph.blocks.iter().enumerate() {
        let mut known = entries[index].take().unwrap_or_default();
        for check in &block.checks {
            if let Check::InBounds(address, width) = *check {
                known.raise(address.base, address.end(width));
            }
        }
        leave(block, &known, &mut entries);
        captured.push(known);
    }
    captured
}

/// Takes what is known behind a block along its edges.
fn leave(block: &Block, known: &Bytes, entries: &mut [Option<Bytes>]) {
    for edge in block.end.edges() {
        match &mut entries[edge.block.index()] {
            Some(other) => other.meet(known),
            entry => *entry = Some(known.clone()),
        }
    }
}

/// What is needed before each check of a block, in order.
fn points(graph: &Graph, block: &Block, needs: &[Need]) -> Vec<Need> {
    let mut need = end_need(graph, block, needs);
    let mut points: Vec<Need> = Vec::with_capacity(block.checks.len());
    for &check in block.checks.iter().rev() {
        need = before(graph, check, need);
        points.push(need.clone());
    }
    points.reverse();
    points
}

/// Whether these bytes were captured, if those were.
pub(crate) fn is_known(graph: &Graph, known: &Bytes, address: Address, width: Width) -> bool {
    let largest = address.base.map_or(0, |base| u64::from(graph.values.known(base).max));
    known.get(address.base) >= address.end(width) || known.fixed >= largest + address.end(width)
}

/// The check that asks for so many bytes, if they are more.
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
    fn what_both_have_is_the_least_and_what_one_has_the_most() {
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
    fn of_many_bases_the_last_are_known() {
        let mut bytes = Bytes::default();
        (0..100).for_each(|id| bytes.raise(Some(ValueId(id)), 4));
        let known = (0..100).filter(|&id| bytes.get(Some(ValueId(id))) == 4);
        assert!(known.eq(100 - BASES as u32..100));
    }

    #[test]
    fn checks_do_not_grow_beyond_what_an_address_can_be() {
        let mut graph = graph_of("ldb [0]\n tax\n ldb [1]\n add x\n tax\n ld [x + 0xffff]\n ld [x + 0]\n ret a");
        run(&mut graph);
        assert_eq!(graph.blocks[0].checks.len(), 2, "{graph}");
    }

    #[test]
    fn ways_that_all_give_0_need_nothing() {
        let mut graph = graph_of("ldb [0]\n jeq #1, a\n ld [70]\n ret #0\n a: ldb [9]\n div x\n ret #0");
        run(&mut graph);
        assert_eq!(graph.to_string(), "block0:\n    return 0x0\n");
    }
}
