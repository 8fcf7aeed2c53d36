//! The index of a list of rules: built once, never changed.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::filter::Filter;
use crate::packet::Packet;
use crate::set::choose;
use crate::set::extract::Extractor;
use crate::set::field::Fields;
use crate::set::head;
use crate::set::native::{GIVEN_UP, MOST_ASKED, Native};
use crate::set::path::Path;
use crate::set::table::{Entry, Table};
use crate::set::term::{self, Rank, Term};
use crate::verify::Verified;

/// How many blocks of programs are walked through: so many, and so many for each rule. Rules that come when they are
/// spent run alone.
const STEPS: usize = 1 << 18;
const STEPS_OF_RULE: usize = 128;

/// How many rules that run alone are compiled; more would drive each other out of the caches.
const MOST_COMPILED: usize = 1_024;

/// An index.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) fields: Fields,
    /// In the order of the first ranks.
    pub(super) tables: Arc<Vec<Table>>,
    /// The code that looks into them, if there is code for this machine.
    native: Option<Native>,
    /// The program of each rule, by rank.
    pub(super) programs: Vec<Program>,
    /// The rules that the tables do not have, in order.
    pub(super) alone: Vec<Rank>,
    /// How many rules, from the first on, are asked one by one when the first match is sought.
    pub(super) head: Rank,
}

/// A program that runs alone, compiled if that is worth it.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) verified: Verified,
    filter: Option<Box<Filter>>,
}

impl Program {
    pub(super) fn run(&self, packet: &Packet) -> u32 {
        match &self.filter {
            Some(filter) => filter.run(packet),
            None => self.verified.interpret(packet),
        }
    }
}

impl Index {
    pub(super) fn new(rules: impl IntoIterator<Item = Verified>) -> Index {
        let programs: Vec<Verified> = rules.into_iter().collect();
        let mut extractor = Extractor::new(STEPS + STEPS_OF_RULE * programs.len());
        let paths: Vec<Option<Vec<Path>>> = programs.iter().map(|program| extractor.paths(program)).collect();
        let fields = Fields::choose(extractor.values, paths.iter().flatten().flatten());
        let (terms, alone) = terms(&fields, &paths);
        drop(paths);
        let tables: Arc<Vec<Table>> = Arc::new(tables(&fields, &terms));
        let native = Native::new(&fields, &tables).ok();
        let head = head::len(&tables, &terms, &alone, programs.len());
        let asked = asked(&terms, &alone, head, programs.len());
        let programs = programs.into_iter().zip(asked).map(|(verified, is_asked)| {
            let filter = is_asked.then(|| Filter::compile(&verified).ok().map(Box::new)).flatten();
            Program { verified, filter }
        });
        Index { programs: programs.collect(), fields, tables, native, alone, head }
    }

    /// The first rule from `from` on that keeps a packet, of those that are alive.
    pub(super) fn first(&self, packet: &Packet, is_alive: impl Fn(Rank) -> bool) -> Option<Rank> {
        let keeps = |rank: Rank| is_alive(rank) && self.programs[rank as usize].run(packet) != 0;
        if let Some(rank) = (0..self.head).find(|&rank| keeps(rank)) {
            return Some(rank);
        }
        let mut best = self.first_in_tables(packet, &is_alive);
        let alone = &self.alone[self.alone.partition_point(|&rank| rank < self.head)..];
        if let Some(&rank) = alone.iter().take_while(|&&rank| rank < best).find(|&&rank| keeps(rank)) {
            best = rank;
        }
        (best < Rank::MAX).then_some(best)
    }

    fn first_in_tables(&self, packet: &Packet, is_alive: &impl Fn(Rank) -> bool) -> Rank {
        let native = self.native.as_ref().and_then(|native| self.first_by_code(native, packet, is_alive));
        native.unwrap_or_else(|| self.first_by_interpretation(packet, is_alive))
    }

    /// The first match, unless the code gives up or the rule that it finds is gone.
    #[inline]
    fn first_by_code(&self, native: &Native, packet: &Packet, is_alive: &impl Fn(Rank) -> bool) -> Option<Rank> {
        if native.first.room() > 0 {
            return self.first_of_asked(native, packet, is_alive);
        }
        let best = native.first.call(packet.data(), packet.wire_len(), &mut []) as Rank;
        (best == Rank::MAX || is_alive(best)).then_some(best)
    }

    fn first_of_asked(&self, native: &Native, packet: &Packet, is_alive: &impl Fn(Rank) -> bool) -> Option<Rank> {
        let mut found = [0; MOST_ASKED];
        let answer = native.first.call(packet.data(), packet.wire_len(), &mut found);
        if answer == GIVEN_UP {
            return None;
        }
        let (best, count) = (answer as Rank, (answer >> 32) as usize);
        let ranks = found[..count].iter().map(|&words| Entry::from_words(words).rank());
        let keeps = |rank: &Rank| is_alive(*rank) && self.programs[*rank as usize].run(packet) != 0;
        let asked = ranks.filter(|&rank| rank < best).filter(keeps).min();
        asked.or_else(|| (best == Rank::MAX || is_alive(best)).then_some(best))
    }

    fn first_by_interpretation(&self, packet: &Packet, is_alive: &impl Fn(Rank) -> bool) -> Rank {
        let row = self.fields.row(packet);
        let mut best = Rank::MAX;
        for table in self.tables.iter() {
            if table.first >= best {
                break;
            }
            let keeps = |entry: &Entry| {
                let rank = entry.rank();
                is_alive(rank) && (!entry.must_ask() || self.programs[rank as usize].run(packet) != 0)
            };
            let found = table.matches(&row).filter(|entry| entry.rank() < best);
            best = found.filter(keeps).map(Entry::rank).min().unwrap_or(best);
        }
        best
    }

    /// Writes all entries that hold for a packet, some rules more than once, in no order, and gives how many there are.
    pub(super) fn entries(&self, packet: &Packet, words: &mut Vec<u64>) -> usize {
        let Some(native) = &self.native else {
            let row = self.fields.row(packet);
            words.clear();
            words.extend(self.tables.iter().flat_map(|table| table.matches(&row)).map(Entry::into_words));
            return words.len();
        };
        // It never becomes shorter, so that it need not be filled again.
        if words.len() < native.all.room() {
            words.resize(native.all.room(), 0);
        }
        native.all.call(packet.data(), packet.wire_len(), words) as usize
    }

    /// How many entries can hold for one packet.
    pub(super) fn most_entries(&self) -> usize {
        self.tables.iter().map(|table| table.longest).sum()
    }

    /// The memory that the tables take, in bytes.
    pub(super) fn table_bytes(&self) -> usize {
        self.tables.iter().map(|table| 8 * table.slots.len() + 4 * table.entries.len()).sum()
    }
}

/// The terms of all rules in the order of their ranks, and the rules that have none to be found by.
fn terms(fields: &Fields, paths: &[Option<Vec<Path>>]) -> (Vec<Term>, Vec<Rank>) {
    let (mut all, mut alone) = (Vec::new(), Vec::new());
    for (rank, paths) in paths.iter().enumerate() {
        let (rank, begin) = (rank as Rank, all.len());
        for path in paths.iter().flatten() {
            term::terms(fields, path, rank, &mut all);
        }
        let says_nothing = |term: &Term| !term.is_exact && term.constraints.is_empty();
        if paths.is_none() || all[begin..].iter().any(says_nothing) {
            all.truncate(begin);
            alone.push(rank);
        }
    }
    (all, alone)
}

/// The tables of the terms, in the order of their first ranks.
fn tables(fields: &Fields, terms: &[Term]) -> Vec<Table> {
    let mut tables: Vec<Table> = choose::tables(fields, terms)
        .into_iter()
        .map(|choice| {
            let of_table: Vec<&Term> = choice.terms.iter().map(|&term| &terms[term]).collect();
            Table::new(fields, &choice.key, &of_table, factor)
        })
        .collect();
    tables.sort_by_key(|table| table.first);
    tables
}

/// A number that nobody foresees, so that nobody can choose packets whose keys are hashed alike.
fn factor() -> u64 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Which rules are run alone, at most so many.
fn asked(terms: &[Term], alone: &[Rank], head: Rank, rules: usize) -> Vec<bool> {
    let mut asked = vec![false; rules];
    let inexact = terms.iter().filter(|term| !term.is_exact || term.verdict.is_none()).map(|term| term.rank);
    let mut left = MOST_COMPILED;
    for rank in (0..head).chain(alone.iter().copied()).chain(inexact) {
        let is_new = !std::mem::replace(&mut asked[rank as usize], left > 0);
        left -= usize::from(is_new && left > 0);
    }
    asked
}
