//! The tables of a classifier as a program that runs on columns.

use std::sync::Arc;

use super::{LANES, is_available, table_lookup};
use crate::classifier::entry_conditions::TableGuard;
use crate::classifier::table::{Lookup, MatchKind, Tables};
use crate::classifier::term::Rank;

/// The most columns, with the one that says which packets have the assumed lengths.
pub(crate) const MAX_COLUMNS: usize = 32;

/// The most tests of all tables.
pub(crate) const MAX_TESTS: usize = 256;

/// The columns of a step: first the numbers of packets that are too short, which are not 0, then those of the fields, and
/// then whether fields are absent, which is not 0.
pub(crate) type Columns = [[u32; LANES]; MAX_COLUMNS];

/// A condition on a column, with a bit for each packet for which it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ColumnTest {
    /// The number is one of these.
    OneOf(usize, Vec<u32>),
    /// The number is the first one or one of the `span` numbers after it.
    Range(usize, u32, u32),
}

/// The part of a program that looks up one table.
#[derive(Debug)]
pub(super) struct TableStep {
    /// The number of the table in its list.
    pub(super) table: usize,
    /// The numbers of the tests that must hold.
    pub(super) tests: Vec<usize>,
    /// The tests of each inline term, in order, and its rank.
    pub(super) inline_terms: Vec<(Vec<usize>, Rank)>,
}

/// Finds the least rank for each packet of a step.
#[derive(Debug)]
pub(crate) struct TableProgram {
    pub(super) tables: Arc<Tables>,
    pub(super) tests: Vec<ColumnTest>,
    pub(super) steps: Vec<TableStep>,
    /// The column that says whether a field is absent, by its number.
    pub(super) absent: Vec<Option<usize>>,
}

impl TableProgram {
    /// Returns whether this machine runs such programs.
    pub(crate) fn is_available() -> bool {
        is_available()
    }

    /// Returns the program of some tables, whose columns are those of the fields and `absent`; `None` if this machine
    /// or the tables do not suit it.
    pub(crate) fn new(tables: &Arc<Tables>, absent: Vec<Option<usize>>) -> Option<TableProgram> {
        let columns = 1 + absent.iter().flatten().copied().max().unwrap_or(absent.len());
        let has_unverified = tables.for_kind(MatchKind::First).any(|table| table.has_unverified);
        if !is_available() || columns > MAX_COLUMNS || has_unverified {
            return None;
        }
        let mut program = TableProgram { tables: tables.clone(), tests: Vec::new(), steps: Vec::new(), absent };
        for (number, table) in tables.list.iter().enumerate().filter(|(_, table)| table.is_for(MatchKind::First)) {
            let mut tests = program.presence(table.needs);
            if table.inline_terms.is_empty() {
                // The others are decided by what the table has.
                let is_tested = |guard: &&TableGuard| guard.number().is_some() || table.lookup == Lookup::Chain;
                for guard in table.guards.iter().filter(is_tested) {
                    tests.push(program.test(ColumnTest::OneOf(column(guard.field), guard.numbers.clone())));
                }
            }
            let mut inline_terms = Vec::new();
            for term in &table.inline_terms {
                let mut of_term = program.presence(term.needs);
                for constraint in &term.constraints {
                    let field = column(constraint.field);
                    of_term.push(program.test(match constraint.number() {
                        Some(number) => ColumnTest::OneOf(field, vec![number]),
                        None => ColumnTest::Range(field, constraint.first, constraint.span),
                    }));
                }
                inline_terms.push((of_term, term.rank));
            }
            program.steps.push(TableStep { table: number, tests, inline_terms });
        }
        (program.tests.len() <= MAX_TESTS).then_some(program)
    }

    fn presence(&mut self, needs: u64) -> Vec<usize> {
        let needed = (0..self.absent.len()).filter(|field| needs >> field & 1 != 0);
        let mut absent: Vec<usize> = needed.filter_map(|field| self.absent[field]).collect();
        absent.sort_unstable();
        absent.dedup();
        absent.into_iter().map(|column| self.test(ColumnTest::OneOf(column, vec![0]))).collect()
    }

    /// Returns the number of a test.
    fn test(&mut self, test: ColumnTest) -> usize {
        self.tests.iter().position(|known| *known == test).unwrap_or_else(|| {
            self.tests.push(test);
            self.tests.len() - 1
        })
    }

    /// Writes the least rank for each packet: that of no rule if no rule matches, and
    /// [`TOO_SHORT`](crate::classifier::table::TOO_SHORT) if the packet lacks the assumed lengths.
    #[expect(unsafe_code, reason = "a function for some processors is called")]
    pub(crate) fn run(&self, columns: &Columns, ranks: &mut [Rank]) {
        // SAFETY: `new` has found that the processor has the instructions.
        unsafe { table_lookup::run(self, columns, ranks) }
    }
}

/// Returns the column of a field.
pub(super) fn column(field: u8) -> usize {
    1 + usize::from(field)
}
