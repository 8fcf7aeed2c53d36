//! Sections: what a diagram says of the calls of one architecture or ABI, by calls and conditions.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::ir::hash_map::HashMap;
use crate::seccomp::analysis::Analysis;
use crate::seccomp::analysis_error::AnalysisError;
use crate::seccomp::calls::{Architectures, Calls};
use crate::seccomp::condition::{Condition, Subject, Test};
use crate::seccomp::decision::{self, Decision, Field};
use crate::seccomp::diagram::{Node, TooLarge};
use crate::seccomp::symbols::{ARCH, NR, Opaque, WORD_OF_RANK, WORDS, first_variable};
use crate::syscall::{Arch, SeccompData, X32_BIT};

/// The largest number of tests in a condition.
const MAX_TESTS: usize = 1_000;

/// The calls of some architectures, and the functions of their arguments.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) architectures: Architectures,
    /// The ranges of the numbers of calls, in ascending order, with what remains to be decided.
    pub(super) calls: Vec<(RangeInclusive<u32>, Node)>,
    /// Set if the first word of a field has the upper half of its bits.
    is_swapped: bool,
}

/// Calls with one outcome.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) outcome: u64,
    pub(super) calls: Calls,
    pub(super) condition: Condition,
    /// What decides about the arguments of these calls.
    pub(super) node: Node,
}

/// A number that no call has, without the bit of x32: what a policy does with it, it does with calls that it does not
/// list.
pub(super) const NO_CALL: u32 = 0x0fff_ffff;

/// Splits a function into its sections.
pub(super) fn sections(analysis: &mut Analysis, root: Node) -> Result<Vec<Section>, AnalysisError> {
    let arches = ranges_of_word(analysis, root, ARCH);
    let mut sections = Vec::new();
    // Architectures that are listed one by one have a section each, the others one for each outcome.
    let mut others: Vec<(Vec<RangeInclusive<u32>>, Node)> = Vec::new();
    for (range, node) in arches {
        if range.start() == range.end() {
            sections.extend(of_architecture(analysis, Arch(*range.start()), node)?);
        } else if let Some((ranges, _)) = others.iter_mut().find(|(_, other)| *other == node) {
            ranges.push(range);
        } else {
            others.push((vec![range], node));
        }
    }
    // 64-bit architectures have the larger numbers.
    sections.reverse();
    for (ranges, node) in others {
        let (words, _) = analysis.symbols.diagram.nodes_before(node, first_variable(WORDS));
        let is_wide = |node: &Node| analysis.symbols.diagram.variable(*node) >= first_variable(NR + 1);
        if !words.iter().any(is_wide) {
            let calls = ranges_of_word(analysis, node, NR);
            sections.push(Section { architectures: Architectures::new(ranges, None), calls, is_swapped: false });
            continue;
        }
        // Arguments have their halves in the order of the architecture.
        for is_swapped in [false, true] {
            let architectures = Architectures::of_byte_order(&ranges, is_swapped);
            let node = if is_swapped { swapped(analysis, node)? } else { node };
            if !architectures.is_empty() {
                sections.push(Section { architectures, calls: ranges_of_word(analysis, node, NR), is_swapped });
            }
        }
    }
    Ok(sections)
}

fn of_architecture(analysis: &mut Analysis, arch: Arch, node: Node) -> Result<Vec<Section>, AnalysisError> {
    let is_swapped = arch.is_big_endian();
    let node = if is_swapped { swapped(analysis, node)? } else { node };
    let calls = ranges_of_word(analysis, node, NR);
    let section = |is_x32, calls| {
        let architectures = Architectures::new(vec![arch.0..=arch.0], is_x32);
        Section { architectures, calls, is_swapped }
    };
    let is_decided = calls.iter().all(|(_, node)| analysis.symbols.diagram.variable(*node) >= first_variable(NR + 1));
    if arch != Arch::X86_64 || !is_decided {
        return Ok(vec![section(None, calls)]);
    }
    let x32 = X32_BIT as u32..=u32::MAX >> 1;
    let within = |from: u32, to: u32| {
        let part = move |(range, node): &(RangeInclusive<u32>, Node)| {
            let (first, last) = ((*range.start()).max(from), (*range.end()).min(to));
            (first <= last).then_some((first..=last, *node))
        };
        calls.iter().filter_map(part).collect::<Vec<_>>()
    };
    let native = [within(0, x32.start() - 1), within(x32.end() + 1, u32::MAX)].concat();
    Ok(vec![section(Some(true), within(*x32.start(), *x32.end())), section(Some(false), native)])
}

/// Exchanges the words of the fields of 64 bits, so that the upper half comes first.
fn swapped(analysis: &mut Analysis, node: Node) -> Result<Node, AnalysisError> {
    let exchange = |variable: u32| if (2..WORDS).contains(&(variable / 32)) { variable ^ 32 } else { variable };
    let renamed = analysis.symbols.diagram.renamed(node, &exchange);
    renamed.map_err(|TooLarge| AnalysisError::TooComplexTogether)
}

/// Returns the ranges of a word, and what each leads to. If they are too many, or an earlier word is not decided, the
/// function remains to be decided for all numbers: conditions test the word, then.
fn ranges_of_word(analysis: &Analysis, node: Node, rank: u32) -> Vec<(RangeInclusive<u32>, Node)> {
    let field = Field { first: first_variable(rank), width: 32 };
    let is_decided = analysis.symbols.diagram.variable(node) >= field.first;
    let decision = is_decided.then(|| decision::plain(&analysis.symbols.diagram, node, field)).flatten();
    match decision {
        Some(decision) => decision.ranges().map(|(first, last, node)| (first as u32..=last as u32, node)).collect(),
        None => vec![(0..=u32::MAX, node)],
    }
}

impl Section {
    /// Returns the outcomes with their calls and conditions. The remaining calls, which are the most, come last.
    pub(super) fn outcomes(&self, analysis: &mut Analysis) -> Vec<Outcome> {
        let mut groups: Vec<(Node, Vec<RangeInclusive<u32>>)> = Vec::new();
        for (range, node) in &self.calls {
            match groups.iter_mut().find(|(other, _)| other == node) {
                Some((_, ranges)) => ranges.push(range.clone()),
                None => groups.push((*node, vec![range.clone()])),
            }
        }
        let base = if self.architectures.is_x32() { X32_BIT as u32 } else { 0 };
        let rest = self.node_of(base | NO_CALL);
        let names = self.architectures.single();
        let mut outcomes = Vec::new();
        for (node, ranges) in groups {
            let (_, mut below) = analysis.symbols.diagram.nodes_before(node, u32::MAX);
            below.sort_unstable();
            for outcome in
                below.into_iter().filter_map(|node| analysis.symbols.diagram.as_outcome(node)).collect::<Vec<u64>>()
            {
                let calls = Calls::new(names, ranges.clone(), rest == Some(node));
                let condition = self.condition(analysis, node, outcome);
                outcomes.push(Outcome { outcome, calls, condition, node });
            }
        }
        outcomes.sort_by_key(|outcome| outcome.calls.is_rest());
        outcomes
    }

    /// Returns what remains to be decided for a call with this number.
    pub(super) fn node_of(&self, nr: u32) -> Option<Node> {
        self.calls.iter().find(|(range, _)| range.contains(&nr)).map(|(_, node)| *node)
    }

    /// Returns the condition under which a function has an outcome.
    fn condition(&self, analysis: &mut Analysis, node: Node, outcome: u64) -> Condition {
        let mut conditions = Conditions { section: self, analysis, outcome, known: HashMap::default(), tests: 0 };
        match conditions.of(node) {
            Some(condition) => condition.unwrap_or(Condition::Any(Vec::new())),
            None => Condition::TooComplex,
        }
    }

    /// Returns a call for which a function of its arguments has an outcome. Opaque values may make it have another one.
    pub(super) fn example(&self, analysis: &Analysis, nr: u32, node: Node, outcome: u64) -> Option<SeccompData> {
        let mut words = analysis.example(node, |other| other == outcome)?;
        if self.is_swapped {
            words[2..].chunks_exact_mut(2).for_each(|halves| halves.swap(0, 1));
        }
        let first = analysis.symbols.diagram.variable(node);
        if first >= first_variable(NR + 1) {
            words[0] = nr;
        }
        if first >= first_variable(ARCH + 1) {
            words[1] = self.architectures.example().0;
        }
        Some(super::analysis::call(&words))
    }

    /// Returns the field that a node tests first: 64 bits if the order of halves is known.
    fn field_of(&self, analysis: &Analysis, node: Node) -> Field {
        let word = analysis.word_of(node);
        match word.first / 32 {
            rank @ 2..WORDS if self.architectures.has_byte_order() => {
                Field { first: first_variable(rank & !1), width: 64 }
            }
            _ => word,
        }
    }

    fn subject(&self, analysis: &Analysis, decision: &Decision) -> Option<Subject> {
        let rank = decision.field.first / 32;
        if let Some(opaque) = analysis.symbols.opaque(rank) {
            let tree = analysis.symbols.opaque_tree(rank)?;
            return Some(match opaque {
                Opaque::Value(_) => Subject::Computed(tree),
                Opaque::Test(..) => Subject::Compared(tree),
            });
        }
        let word = *WORD_OF_RANK.get(rank as usize)?;
        Some(match decision.field.width {
            64 if word < 4 => Subject::InstructionPointer,
            64 => Subject::Argument((word - 4) / 2),
            _ => Subject::Word(4 * word),
        })
    }
}

/// The conditions of the nodes of a function for one outcome.
struct Conditions<'a> {
    section: &'a Section,
    analysis: &'a mut Analysis,
    outcome: u64,
    /// `None` if the outcome is not reached.
    known: HashMap<Node, Option<Condition>>,
    tests: usize,
}

impl Conditions<'_> {
    /// Returns the condition under which a node has the outcome, if it can; `None` if there are too many tests.
    fn of(&mut self, node: Node) -> Option<Option<Condition>> {
        if let Some(outcome) = self.analysis.symbols.diagram.as_outcome(node) {
            return Some((outcome == self.outcome).then_some(Condition::Always));
        }
        if let Some(known) = self.known.get(&node) {
            self.tests += known.as_ref().map_or(0, count_tests);
            return (self.tests <= MAX_TESTS).then_some(known.clone());
        }
        let field = self.section.field_of(self.analysis, node);
        let decision = decision::decide(&mut self.analysis.symbols.diagram, node, field);
        let subject = self.section.subject(self.analysis, &decision)?;
        let mut targets: Vec<Node> = Vec::new();
        for case in decision.cases.iter().filter(|case| case.target != node) {
            if !targets.contains(&case.target) {
                targets.push(case.target);
            }
        }
        let mut alternatives = Vec::new();
        let is_of_two = targets.len() == 2;
        let mut belows = Vec::with_capacity(targets.len());
        for target in targets {
            belows.push((target, self.of(target)?));
        }
        // Of two targets, the one that always has the outcome makes the test for the other one superfluous.
        let is_superfluous = is_of_two && belows.iter().any(|(_, below)| *below == Some(Condition::Always));
        for (target, below) in belows {
            let Some(below) = below else { continue };
            self.tests += 1;
            if self.tests > MAX_TESTS {
                return None;
            }
            let test = Condition::Test(test(&subject, &decision, target));
            alternatives.push(match below {
                Condition::Always => test,
                below if is_superfluous => below,
                Condition::All(mut list) => {
                    list.insert(0, test);
                    Condition::All(list)
                }
                below => Condition::All(vec![test, below]),
            });
        }
        let condition = match alternatives.len() {
            0 => None,
            1 => alternatives.pop(),
            _ => Some(Condition::Any(flat(alternatives))),
        };
        self.known.insert(node, condition.clone());
        Some(condition)
    }
}

/// Returns alternatives without alternatives among them.
fn flat(alternatives: Vec<Condition>) -> Vec<Condition> {
    let parts = |condition: Condition| match condition {
        Condition::Any(list) => list,
        other => vec![other],
    };
    alternatives.into_iter().flat_map(parts).collect()
}

fn count_tests(condition: &Condition) -> usize {
    match condition {
        Condition::All(list) | Condition::Any(list) => list.iter().map(count_tests).sum(),
        _ => 1,
    }
}

/// Returns the test whether a decision leads to a target, by the numbers that do, or by those that do not.
fn test(subject: &Subject, decision: &Decision, target: Node) -> Test {
    let ranges = |is_wanted: &dyn Fn(Node) -> bool| {
        let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
        let mut is_open = false;
        for (first, last, node) in decision.ranges() {
            match ranges.last_mut() {
                Some(range) if is_wanted(node) && is_open => *range = *range.start()..=last,
                _ if is_wanted(node) => ranges.push(first..=last),
                _ => {}
            }
            is_open = is_wanted(node);
        }
        ranges
    };
    let (with, without) = (ranges(&|node| node == target), ranges(&|node| node != target));
    let mut mask = decision.mask;
    let numbers = |ranges: &[RangeInclusive<u64>]| -> usize {
        ranges.iter().map(|range| if range.start() == range.end() { 1 } else { 2 }).sum()
    };
    let is_negated = numbers(&without) < numbers(&with);
    let mut ranges = if is_negated { without } else { with };
    if matches!(subject, Subject::Compared(_)) {
        // The one variable of a comparison is the highest bit of its word.
        ranges = ranges.iter().map(|range| range.start() >> 31..=range.end() >> 31).collect();
        mask = 1;
    }
    Test { subject: subject.clone(), mask, ranges, is_negated }
}
