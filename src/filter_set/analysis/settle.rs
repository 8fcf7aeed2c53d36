//! Rules that areas leave open: their programs are executed symbolically as a whole ([`prove`](crate::prove)).
//!
//! A rule is compared with a few earlier rules. If these do not cover it, there is a packet; if an earlier rule is the
//! first match of that, it joins the few, and the question is asked again.

use std::collections::{BTreeMap, HashMap};

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::classifier::term::Rank;
use crate::filter_set::analysis::examples::{ExamplePacket, Examples, Lengths};
use crate::filter_set::analysis::rule_areas::draws_random;
use crate::filter_set::analysis::status::{RuleStatus, UnknownReason};
use crate::filter_set::analysis::uncaught::Uncaught;
use crate::prove::{Options, Proof};

/// The bounds of a question: it takes some milliseconds, at most about 100.
const MAX_NODES: usize = 1 << 16;
const MAX_CONFLICTS: u64 = 2_000;

/// The most rules that one is compared with.
const MAX_OTHERS: usize = 32;

/// A settler of rules, with the number of questions that it may still ask.
pub(super) struct Settler<'s> {
    examples: Examples<'s>,
    ranks: &'s HashMap<u32, Rank>,
    lengths: Lengths,
    options: Options,
    questions: usize,
}

/// The answer to whether some rules cover a program.
enum Covered {
    By(Vec<Rank>),
    /// This packet matches the program, and the first match of the set is this rule, if there is one.
    No(ExamplePacket, Option<Rank>),
    Unknown(UnknownReason),
}

impl<'s> Settler<'s> {
    pub(super) fn new(
        examples: Examples<'s>,
        ranks: &'s HashMap<u32, Rank>,
        lengths: Lengths,
        questions: usize,
    ) -> Settler<'s> {
        let options = prove_options(lengths);
        // A system call matches a rule if its verdict is not 0, whatever the action, which is another question.
        let questions = if examples.set.dialect() == Some(Dialect::Seccomp) { 0 } else { questions };
        Settler { examples, ranks, lengths, options, questions }
    }

    /// Settles the rules that areas leave open. `used` has, for each of these, earlier rules that cover some of it.
    pub(super) fn rules(&mut self, of_rules: &mut [RuleStatus], used: &BTreeMap<Rank, Vec<Rank>>) {
        let is_open = |rank: &Rank| matches!(of_rules[*rank as usize], RuleStatus::Unknown(_));
        let open: Vec<Rank> = (0..of_rules.len() as Rank).filter(is_open).collect();
        for (done, &rank) in open.iter().enumerate() {
            // Later rules get what earlier ones leave of their share.
            let share = self.questions.div_ceil(open.len() - done).min(self.questions);
            let kept = self.questions - share;
            self.questions = share;
            if let Some(status) = self.rule(rank, used.get(&rank).map_or(&[], Vec::as_slice)) {
                of_rules[rank as usize] = status;
            }
            self.questions += kept;
        }
    }

    /// Returns the status of a rule, if it can be settled.
    fn rule(&mut self, rank: Rank, used: &[Rank]) -> Option<RuleStatus> {
        let rules = self.examples.rules;
        let status = match self.covered(&rules.program(rank), used, Some(rank)) {
            Covered::By(others) if others.is_empty() => RuleStatus::MatchesNothing,
            Covered::By(others) => {
                let by = others.into_iter().map(|rank| rules.ids[rank as usize]).collect();
                RuleStatus::Shadowed { by }
            }
            Covered::No(example, first) if first == Some(rank) => RuleStatus::CanBeFirst(example),
            Covered::No(..) => return None,
            Covered::Unknown(reason) => RuleStatus::Unknown(reason),
        };
        Some(status)
    }

    /// Settles what no rule matches; `used` are rules that cover some packets.
    pub(super) fn uncaught(&mut self, used: &[Rank]) -> Option<Uncaught> {
        let dialect = self.examples.set.dialect()?;
        let all: Verified = Program::builder().ret(1).build().ok()?.verify(dialect).ok()?;
        match self.covered(&all, used, None) {
            Covered::By(_) => Some(Uncaught::Nothing),
            Covered::No(example, None) => Some(Uncaught::Packets(vec![example])),
            Covered::No(..) => None,
            Covered::Unknown(reason) => Some(Uncaught::Unknown(reason)),
        }
    }

    /// Returns whether rules cover a program, which is that of a rule itself, or none of the set.
    fn covered(&mut self, program: &Verified, used: &[Rank], own: Option<Rank>) -> Covered {
        let mut others: Vec<Rank> = if used.len() <= MAX_OTHERS { used.to_vec() } else { Vec::new() };
        // A proof is about programs that draw the same random numbers, but each rule of a set draws its own.
        let (rules, is_random) = (self.examples.rules, draws_random(program));
        let is_apart = |rank: &Rank| is_random && draws_random(&rules.program(*rank));
        others.retain(|rank| !is_apart(rank));
        loop {
            match self.ask(program, &others) {
                None => return Covered::Unknown(UnknownReason::Work),
                Some(Proof::Holds) => return Covered::By(self.needed(program, others)),
                Some(Proof::Unknown(_)) => return Covered::Unknown(UnknownReason::Conditions),
                Some(Proof::Fails(witness)) => {
                    let example = self.examples.of_witness(&witness, self.lengths);
                    let Some(example) = example.filter(|found| program.interpret(found.packet()) != 0) else {
                        return Covered::Unknown(UnknownReason::Conditions);
                    };
                    let first = self.examples.set.first_match(example.packet());
                    let first = first.and_then(|id| self.ranks.get(&id).copied());
                    let is_new = |rank: &Rank| own.is_none_or(|own| *rank < own) && !others.contains(rank);
                    match first.filter(is_new) {
                        None => return Covered::No(example, first),
                        Some(rank) if is_apart(&rank) => return Covered::Unknown(UnknownReason::Conditions),
                        Some(_) if others.len() == MAX_OTHERS => return Covered::Unknown(UnknownReason::Work),
                        Some(rank) => others.push(rank),
                    }
                }
            }
        }
    }

    /// Leaves out rules without which the others cover a program as well.
    fn needed(&mut self, program: &Verified, others: Vec<Rank>) -> Vec<Rank> {
        let mut needed = others;
        let mut place = needed.len();
        while let Some(last) = place.checked_sub(1).filter(|_| needed.len() > 1) {
            let fewer: Vec<Rank> = needed.iter().copied().filter(|&rank| rank != needed[last]).collect();
            match self.ask(program, &fewer) {
                None => break,
                Some(Proof::Holds) => needed = fewer,
                Some(_) => {}
            }
            place = last;
        }
        needed.sort_unstable();
        needed
    }

    /// Asks whether rules cover a program; `None` if no question is left.
    fn ask(&mut self, program: &Verified, others: &[Rank]) -> Option<Proof> {
        self.questions = self.questions.checked_sub(1)?;
        let others: Vec<Verified> = others.iter().map(|&rank| self.examples.rules.program(rank)).collect();
        // All programs of a set have the same dialect.
        self.options.covered(program, &others).ok()
    }
}

/// Returns the options of questions about rules.
pub(super) fn prove_options(lengths: Lengths) -> Options {
    let options = Options::new().max_nodes(MAX_NODES).max_conflicts(MAX_CONFLICTS);
    options.truncated(lengths == Lengths::Any)
}
