//! Sets of rules as programs of eBPF, whose tables are maps, so that rules change while they run.
//!
//! The tables are those of `classifier`. The words of all tables are one array, whose value the program reads directly:
//! a lookup takes no call. [`maps`] lists the maps, and explains why a packet meets the rules of one moment.
//!
//! A rule that is added becomes terms over the fields that the program computes for its tables. A rule that tests
//! something else is refused, with the advice to load a new program.

mod added_terms;
mod assembler;
mod bit_vectors;
mod change;
mod error;
mod fields;
mod frame;
mod lookup;
mod maps;
mod program;

use std::collections::HashMap;

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Verified;
use crate::classifier::build::Classifier;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::program_list::ProgramList;
use crate::classifier::table::Tables;
use crate::classifier::term::Rank;
use crate::ebpf::{Action, Options, Program};
use crate::ebpf_set::added_terms::TermLayout;

pub use change::MapUpdate;
pub use error::SetProgramError;

/// The program of a [`FilterSet`](crate::FilterSet), made by [`FilterSet::to_ebpf`](crate::FilterSet::to_ebpf), and the
/// state of its maps.
///
/// [`SetProgram::add`], [`SetProgram::insert_before`], [`SetProgram::remove`] and [`SetProgram::replace`] return the
/// updates of maps that make the same change in the kernel, while the program runs. They have to be made in their
/// order; the last one makes the change visible, at once: every packet meets the rules before the change, or those
/// after it.
#[derive(Clone, Debug)]
pub struct SetProgram {
    program: Program,
    fields: PacketFields,
    tables: std::sync::Arc<Tables>,
    layout: TermLayout,
    dialect: Option<Dialect>,
    needs_verdicts: bool,
    /// The places of the rules that were not removed, by id.
    places: HashMap<u32, Place>,
    /// The orders of all rules that were not removed, and their ids.
    orders: std::collections::BTreeMap<u64, u32>,
    /// The order of the last rule that there ever was.
    last_order: u64,
    /// The values of the maps `removed` and `added`.
    removed: Vec<u8>,
    added: Vec<u8>,
    added_terms: usize,
    /// The rules that have counters: those of the tables, and those that were added.
    counter_ids: Vec<u32>,
    version: u32,
    /// The number of removed entries of each table of bit vectors.
    removed_entries: Vec<usize>,
}

/// The place of a rule.
#[derive(Clone, Debug)]
struct Place {
    order: u64,
    counter: u32,
    /// The added terms of the rule; none if it is in the tables.
    terms: std::ops::Range<usize>,
}

impl SetProgram {
    /// Compiles the program of some rules. The fields that `expected` programs test are computed, too.
    pub(crate) fn new(
        options: &Options,
        mut programs: ProgramList,
        ids: Vec<u32>,
        dialect: Option<Dialect>,
        expected: &[Verified],
    ) -> Result<SetProgram, SetProgramError> {
        if let Some(dialect) = dialect {
            if let Some(other) = expected.iter().find(|program| program.dialect() != dialect) {
                return Err(SetProgramError::Dialect { dialect: other.dialect(), expected: dialect });
            }
        }
        expected.iter().for_each(|program| programs.push(program));
        programs.complete();
        let mut classifier = Classifier::without_programs(&programs, ids.len());
        let needs_verdicts = [options.on_match, options.on_mismatch].contains(&Action::Verdict);
        check_complete(&classifier, &ids, needs_verdicts)?;
        let layout = TermLayout::new(&classifier.fields, options.is_big_endian);
        let program = program::compile(options, &classifier, &ids, &layout, ids.len() + layout.capacity)?;
        let orders = (0..).map(added_terms::order_of).zip(ids.iter().copied()).collect();
        let place =
            |(rank, &id): (Rank, &u32)| (id, Place { order: added_terms::order_of(rank), counter: rank, terms: 0..0 });
        let tables = std::mem::replace(&mut classifier.tables, Tables::new(0));
        Ok(SetProgram {
            fields: classifier.fields,
            dialect: dialect.or_else(|| expected.first().map(Verified::dialect)),
            needs_verdicts,
            places: (0..).zip(&ids).map(place).collect(),
            orders,
            last_order: added_terms::order_of(ids.len() as Rank),
            removed: program.maps[maps::REMOVED as usize].elements[0].1.clone(),
            added: program.maps[maps::ADDED as usize].elements[0].1.clone(),
            added_terms: 0,
            counter_ids: ids,
            version: 0,
            removed_entries: vec![0; tables.list.len()],
            tables: tables.into(),
            layout,
            program,
        })
    }

    /// Returns the program with its maps, as they are before any change.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Returns the number of rules.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns `true` if there are no rules.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns the index of the counter of a rule in the map `counters`, which there is with
    /// [`Options::counters`]. A rule that replaced another one has a counter of its own.
    pub fn counter(&self, id: u32) -> Option<u32> {
        Some(self.places.get(&id)?.counter)
    }

    /// Returns the ids of the rules that the counters belong to, of removed ones, too.
    pub fn counter_ids(&self) -> &[u32] {
        &self.counter_ids
    }

    /// Returns how many terms of added rules have room. A rule takes one for each of its alternatives: `host` takes one
    /// for each place of an address.
    pub fn room(&self) -> usize {
        self.layout.capacity - self.added_terms
    }
}

/// Checks that the tables decide all rules.
fn check_complete(classifier: &Classifier, ids: &[u32], needs_verdicts: bool) -> Result<(), SetProgramError> {
    if let Some(fallback) = classifier.fallbacks.first() {
        return Err(SetProgramError::NoTable { id: ids[fallback.rank as usize], reason: Some(fallback.reason) });
    }
    let to_run = classifier.tables.rules_to_run.iter().min();
    let is_undecided = needs_verdicts || classifier.tables.has_unverified();
    match to_run.filter(|_| is_undecided) {
        Some(&rank) => Err(SetProgramError::NoTable { id: ids[rank as usize], reason: None }),
        None => Ok(()),
    }
}
