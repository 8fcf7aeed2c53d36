//! The diagram of a stack of filters.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Verified;
use crate::seccomp::analysis_error::AnalysisError;
use crate::seccomp::decision::Field;
use crate::seccomp::diagram::{Node, TooLarge};
use crate::seccomp::execute::{Execution, TooComplex};
use crate::seccomp::expression;
use crate::seccomp::options::Options;
use crate::seccomp::symbols::{self, Symbols, WORD_OF_RANK};
use crate::syscall::{Action, SeccompData};

/// The diagrams of filters.
#[derive(Debug)]
pub(super) struct Analysis {
    pub(super) symbols: Symbols,
}

impl Analysis {
    pub(super) fn new(options: &Options) -> Analysis {
        Analysis { symbols: Symbols::new(options.steps()) }
    }

    /// Returns the diagram of the kernel's action for filters, oldest first.
    pub(super) fn stack(&mut self, filters: &[&Verified]) -> Result<Node, AnalysisError> {
        let mut strictest = self.symbols.diagram.outcome(u32::from(Action::Allow).into());
        for (number, filter) in filters.iter().enumerate() {
            let verdicts = self.filter(filter).map_err(|error| error.of_filter(number))?;
            let newer_first = |newer: u64, older: u64| match compare(newer, older) {
                Ordering::Less | Ordering::Equal => newer,
                Ordering::Greater => older,
            };
            let combined = self.symbols.diagram.combine(verdicts, strictest, newer_first);
            strictest = combined.map_err(|TooLarge| AnalysisError::TooComplexTogether)?;
        }
        Ok(strictest)
    }

    /// Returns the diagram of the actions of a filter.
    pub(super) fn filter(&mut self, filter: &Verified) -> Result<Node, FilterError> {
        if filter.dialect() != Dialect::Seccomp {
            return Err(FilterError::Dialect(filter.dialect()));
        }
        let execution = Execution::new(&mut self.symbols, filter)?;
        Ok(execution.verdicts(&mut self.symbols)?)
    }

    /// Returns the words of a call that leads to an outcome for which `is_wanted` holds. The words that do not matter
    /// are 0. Opaque values on the way may make the call lead to another outcome.
    pub(super) fn example(&self, node: Node, is_wanted: impl Fn(u64) -> bool) -> Option<[u32; 16]> {
        let ones = self.symbols.diagram.path(node, is_wanted)?;
        let mut words = [0; 16];
        for variable in ones {
            if let Some(&word) = WORD_OF_RANK.get((variable / 32) as usize) {
                words[usize::from(word)] |= 1 << (31 - variable % 32);
            }
        }
        Some(words)
    }

    /// Returns the word that a node tests first: its field of 32 bits.
    pub(super) fn word_of(&self, node: Node) -> Field {
        let rank = self.symbols.diagram.variable(node) / 32;
        Field { first: symbols::first_variable(rank), width: 32 }
    }

    /// Returns the bits of the word at a rank on which a function depends.
    pub(super) fn support(&self, node: Node, rank: u32) -> u32 {
        let first = symbols::first_variable(rank);
        let (inside, _) = self.symbols.diagram.nodes_before(node, first + 32);
        let variables = inside.iter().map(|&node| self.symbols.diagram.variable(node));
        variables.filter(|&variable| variable >= first).fold(0, |bits, variable| bits | 1 << (first + 31 - variable))
    }
}

/// Returns the call with these words.
pub(super) fn call(words: &[u32; 16]) -> SeccompData {
    expression::call(words)
}

/// Compares the strictness of two outcomes; less is stricter.
pub(super) fn compare(a: u64, b: u64) -> Ordering {
    Action::from(a as u32).compare_strictness(Action::from(b as u32))
}

/// Returns the kernel's action for filters, oldest first.
pub(super) fn action_of(filters: &[&Verified], data: &SeccompData) -> Action {
    let bytes = data.to_bytes();
    Action::strictest(filters.iter().rev().map(|filter| Action::from(filter.interpret(&bytes))))
}

/// Collects the filters of a stack.
pub(super) fn collect<'f>(filters: impl IntoIterator<Item = &'f Verified>) -> Vec<&'f Verified> {
    filters.into_iter().collect()
}

/// The reason why a filter cannot be analysed.
#[derive(Clone, Copy, Debug)]
pub(super) enum FilterError {
    Dialect(Dialect),
    TooComplex(usize),
}

impl FilterError {
    pub(super) fn of_filter(self, filter: usize) -> AnalysisError {
        match self {
            FilterError::Dialect(dialect) => AnalysisError::Dialect { filter, dialect },
            FilterError::TooComplex(pc) => AnalysisError::TooComplex { filter, pc },
        }
    }
}

impl From<TooComplex> for FilterError {
    fn from(TooComplex { pc }: TooComplex) -> FilterError {
        FilterError::TooComplex(pc)
    }
}
