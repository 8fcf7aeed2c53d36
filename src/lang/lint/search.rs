//! The search for the smallest part of an expression that never holds in its place, or always does.

use alloc::vec::Vec;
use core::ops::Range;

use crate::lang::generate::operands;
use crate::lang::link_type::LinkType;
use crate::lang::lint::questions::{Item, Questions, Role};
use crate::lang::lint::{Cause, Effect};
use crate::lang::tree::{Node, Primitive};

/// The most findings, and the most parts that one of them names.
const MAX_FINDINGS: usize = 4;
const MAX_CONFLICT: usize = 6;

/// A part to blame.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) effect: Effect,
    pub(super) cause: Cause,
    /// The part to mark.
    pub(super) root: usize,
    /// The parts that no packet matches together; one part that has one outcome; none if there are too many.
    pub(super) parts: Vec<usize>,
    /// Set if no packet matches the parts; otherwise every packet matches one of them.
    pub(super) is_never: bool,
    /// The part before them that moves the headers.
    pub(super) moved_by: Option<usize>,
}

/// The search in one expression.
pub(super) struct Search<'e> {
    pub(super) questions: Questions<'e>,
    pub(super) findings: Vec<Finding>,
}

impl<'e> Search<'e> {
    pub(super) fn new(questions: Questions<'e>) -> Search<'e> {
        Search { questions, findings: Vec::new() }
    }

    /// Finds what is to blame for the outcome of the whole expression.
    pub(super) fn explain_whole(&mut self, root: usize, effect: Effect) {
        let is_never = effect == Effect::RejectsAll;
        self.explain(effect, Vec::new(), root, is_never);
        if self.questions.are_exhausted() || self.findings.is_empty() {
            self.blame_whole(root, effect);
        }
    }

    /// Blames the whole expression.
    pub(super) fn blame_whole(&mut self, root: usize, effect: Effect) {
        let is_never = effect == Effect::RejectsAll;
        let whole = Finding { effect, cause: Cause::Parts, root, parts: Vec::new(), is_never, moved_by: None };
        self.findings = Vec::from([whole]);
    }

    /// Finds branches of `or` that no packet matches, and operands of `and` that every packet matches.
    pub(super) fn explain_parts(&mut self, root: usize) {
        let mut open: Vec<(usize, Vec<Item>)> = Vec::from([(root, Vec::new())]);
        while let Some((root, mut before)) = open.pop() {
            let node = &self.questions.expr.nodes[root];
            let is_or = match node {
                Node::Primitive(_) => continue,
                Node::Not => {
                    open.push((root - 1, before));
                    continue;
                }
                Node::And => false,
                Node::Or => true,
            };
            let mut parts = Vec::new();
            for part in operands(self.questions.expr, &self.questions.starts, root) {
                if self.questions.are_exhausted() || self.findings.len() >= MAX_FINDINGS {
                    return;
                }
                let first = self.findings.len();
                if is_or && self.questions.never(before.iter().copied().chain([Item { root: part, role: Role::Holds }]))
                {
                    if let Some((before, alone, _)) =
                        self.conflict(Effect::DeadPart, before.clone(), Vec::from([part]), true)
                    {
                        self.explain(Effect::DeadPart, before, alone, true);
                    }
                } else if !is_or && self.questions.always(asides(&before), part) {
                    self.explain(Effect::RedundantPart, asides(&before).collect(), part, false);
                } else {
                    parts.push((part, before.clone()));
                }
                // What holds with other link types is no mistake.
                let is_link_type = |finding: &Finding| finding.cause == Cause::LinkType;
                if self.findings[first..].iter().any(is_link_type) {
                    self.findings.truncate(first);
                }
                before.push(Item { root: part, role: if is_or { Role::Aside } else { Role::Holds } });
            }
            open.extend(parts.into_iter().rev());
        }
    }

    /// Explains why a part never holds, or always does, behind parts that move the headers.
    fn explain(&mut self, effect: Effect, before: Vec<Item>, root: usize, is_never: bool) {
        let mut open = Vec::from([(before, root, is_never)]);
        while let Some((before, root, is_never)) = open.pop() {
            if self.questions.are_exhausted() || self.findings.len() >= MAX_FINDINGS {
                return;
            }
            match &self.questions.expr.nodes[root] {
                Node::Primitive(primitive) => self.primitive(effect, &before, (root, primitive), is_never),
                Node::Not => open.push((before, root - 1, !is_never)),
                operator => {
                    let parts = operands(self.questions.expr, &self.questions.starts, root);
                    if (*operator == Node::And) == is_never {
                        open.extend(self.conflict(effect, before, parts, is_never));
                        continue;
                    }
                    // Each of them has the same outcome.
                    let mut before = before;
                    let first = open.len();
                    for part in parts.into_iter().take(MAX_FINDINGS) {
                        open.push((before.clone(), part, is_never));
                        before.push(Item { root: part, role: Role::Aside });
                    }
                    open[first..].reverse();
                }
            }
        }
    }

    /// Finds parts that no packet matches together, or at least one of which every packet matches. Returns the part
    /// that is to blame alone, if there is one, with what stands before it.
    fn conflict(
        &mut self,
        effect: Effect,
        before: Vec<Item>,
        parts: Vec<usize>,
        is_never: bool,
    ) -> Option<(Vec<Item>, usize, bool)> {
        let role = Role::of(is_never);
        let mut items = before;
        items.extend(parts.into_iter().map(|root| Item { root, role }));
        // The shortest beginning that no packet matches.
        let (mut low, mut high) = (0, items.len() - 1);
        while low < high {
            let middle = (low + high) / 2;
            match self.questions.never(items[..=middle].iter().copied()) {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        let last = items[high];
        if self.questions.never(asides(&items[..high]).chain([last])) {
            return Some((asides(&items[..high]).collect(), last.root, is_never));
        }
        // The other parts that it takes, one after the other: those behind the last one that it takes are enough.
        let items = &items[..=high];
        let (mut chosen, mut first) = (Vec::new(), 0);
        while chosen.len() < MAX_CONFLICT && !self.questions.never(selected(items, &chosen, high..high)) {
            let (mut low, mut end) = (first, high);
            while low + 1 < end {
                let middle = (low + end) / 2;
                match self.questions.never(selected(items, &chosen, middle..high)) {
                    true => low = middle,
                    false => end = middle,
                }
            }
            if first == high || self.questions.are_exhausted() {
                return None;
            }
            chosen.push(low);
            first = low + 1;
        }
        chosen.push(high);
        self.add_conflict(effect, items, &chosen, is_never);
        None
    }

    fn add_conflict(&mut self, effect: Effect, items: &[Item], chosen: &[usize], is_never: bool) {
        let Some(last) = chosen.last().map(|&place| items[place].root) else { return };
        let parts: Vec<usize> = chosen.iter().map(|&place| items[place].root).collect();
        let first_moving = parts.iter().skip(1).find_map(|&part| self.questions.moving(part));
        let (mut moving, mut others) = (Vec::new(), Vec::new());
        for (place, item) in items.iter().enumerate() {
            let item = if chosen.contains(&place) { *item } else { Item { role: Role::Aside, ..*item } };
            if self.questions.moving(item.root).is_some() { moving.push(item) } else { others.push(item) }
        }
        let is_order = first_moving.is_some() && !self.questions.never(moving.into_iter().chain(others));
        let (cause, root) = match first_moving.filter(|_| is_order) {
            Some(moving) => (Cause::Order, moving),
            None => (Cause::Parts, last),
        };
        let parts = if parts.len() > MAX_CONFLICT { Vec::new() } else { parts };
        self.findings.push(Finding { effect, cause, root, parts, is_never, moved_by: None });
    }

    fn primitive(&mut self, effect: Effect, before: &[Item], primitive: (usize, &Primitive), is_never: bool) {
        let (root, primitive) = primitive;
        let is_comparison = matches!(
            primitive,
            Primitive::Relation(_) | Primitive::Byte { .. } | Primitive::Less(_) | Primitive::Greater(_)
        );
        let is_comparison = is_comparison
            && (self.questions.target.link_type == LinkType::ETHERNET
                || self.questions.never_with(LinkType::ETHERNET, root, is_never));
        let moved_by = before.iter().rev().find_map(|item| self.questions.moving(item.root));
        let cause = if is_comparison { Cause::Comparison } else { Cause::LinkType };
        self.findings.push(Finding { effect, cause, root, parts: Vec::from([root]), is_never, moved_by });
    }
}

fn asides(items: &[Item]) -> impl Iterator<Item = Item> {
    items.iter().map(|item| Item { role: Role::Aside, ..*item })
}

/// Returns the items in order, of which only the last one, the chosen ones and those in the range are assumed.
fn selected<'i>(items: &'i [Item], chosen: &'i [usize], range: Range<usize>) -> impl Iterator<Item = Item> + use<'i> {
    items.iter().enumerate().map(move |(place, item)| {
        let is_assumed = place + 1 == items.len() || chosen.contains(&place) || range.contains(&place);
        if is_assumed { *item } else { Item { role: Role::Aside, ..*item } }
    })
}
