//! The index of a list of rules: built once, never changed.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::filter::Filter;
use crate::jit::SetBatchCode;
use crate::packet::Packet;
use crate::set::choose::{self, Choice, Key};
use crate::set::entry::Entry;
use crate::set::extract::Extractor;
use crate::set::field::Fields;
use crate::set::head::{self, Singly};
use crate::set::key;
use crate::set::native::{Code, GIVEN_UP, MOST_WRITTEN, Native};
use crate::set::path::Path;
use crate::set::table::{MOST_SPELLED, Tables};
use crate::set::term::{self, Rank, Term};
use crate::verify::Verified;

/// How many blocks of programs are walked through: so many, and so many for each rule. Rules that come when they are
/// spent run alone.
const STEPS: usize = 1 << 18;
const STEPS_OF_RULE: usize = 128;

/// How many rules that run alone are compiled, at the head and behind it: of more, the code would fit into no cache.
const MOST_COMPILED: usize = 4_096;

/// Up to so many tables have keys that are as narrow as can be, and become several if that leaves no chains.
const FEW_TABLES: usize = 4;

/// How long chains may be as long as there are other keys: each is tried, if there are not too many terms.
const CHAINS: &[usize] = &[8, 4, 2];
const MOST_COMPARED: usize = 4_096;

/// How much better another choice must seem to be taken: estimates are rough.
const SURELY: f64 = 1.1;

/// An index.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) fields: Fields,
    pub(super) tables: Arc<Tables>,
    /// The code that looks into them, if there is code for this machine.
    native: Option<Native>,
    /// The program of each rule, by rank.
    pub(super) programs: Vec<Program>,
    /// The rules that the tables do not have, in order.
    pub(super) alone: Vec<Rank>,
    /// The first rules, which are asked one by one; side by side, since that is a loop that must be as fast as any.
    singles: Vec<Filter>,
    /// How many of them are asked when the first match is sought.
    head: usize,
    /// Whether all of them are when all matches are sought, if all rules are among them.
    are_few: bool,
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
        let (mut paths, mut ends) = (Vec::new(), Vec::new());
        for program in &programs {
            let own = extractor.paths(program);
            ends.push(own.map(|own| paths.extend(own)).map(|()| paths.len()));
        }
        let mut fields = Fields::choose(extractor.values, &paths);
        let (mut terms, alone) = terms(&fields, &paths, &ends);
        drop(paths);
        fields.turn(&mut terms);
        let tables = Arc::new(tables(&fields, &terms, programs.len() as Rank));
        let native = Native::new(&fields, &tables).ok();
        let Singly { head, all } = head::singly(fields.list.len(), &tables, &terms, &alone, programs.len());
        let count = if all { programs.len() } else { head.min(MOST_COMPILED) };
        let singles: Vec<Filter> =
            programs[..count].iter().map_while(|program| Filter::compile(program).ok()).collect();
        let head = head.min(singles.len());
        let asked = asked(&tables.run, &alone, programs.len());
        let programs = programs.into_iter().zip(asked).map(|(verified, is_asked)| {
            let filter = is_asked.then(|| Filter::compile(&verified).ok().map(Box::new)).flatten();
            Program { verified, filter }
        });
        Index { programs: programs.collect(), fields, tables, native, alone, singles, head, are_few: all }
    }

    /// The code for the first match, if what it says is all: the rank, or [`Tables::none`].
    pub(super) fn sure(&self) -> Option<Arc<Code>> {
        let native = self.native.as_ref().filter(|_| self.head == 0 && self.alone.is_empty())?;
        Some(&native.first).filter(|first| first.room() == 0).cloned()
    }

    /// The code for all matches, if what it says is all but for the order.
    pub(super) fn plain(&self) -> Option<Arc<Code>> {
        let is_plain = self.alone.is_empty() && self.few().is_none() && !self.tables.has_asked();
        self.native.as_ref().filter(|_| is_plain).map(|native| native.all.clone())
    }

    /// The first rules, which are asked one by one.
    fn head(&self) -> &[Filter] {
        &self.singles[..self.head]
    }

    /// The first of the rules at the head that keeps a packet.
    #[inline]
    pub(super) fn first_of_head(&self, packet: &Packet) -> Option<usize> {
        self.head().iter().position(|filter| filter.run(packet) != 0)
    }

    /// The first rule that keeps a packet, of those that are alive.
    pub(super) fn first(&self, packet: &Packet, is_alive: impl Fn(Rank) -> bool) -> Option<Rank> {
        let head = (0..).zip(self.head());
        let mut kept = head.filter(|(rank, filter)| is_alive(*rank) && filter.run(packet) != 0);
        kept.next().map(|(rank, _)| rank).or_else(|| self.first_behind_head(packet, is_alive))
    }

    /// The first rule that keeps a packet, of those that are alive, if none at the head does.
    #[inline(never)]
    pub(super) fn first_behind_head(&self, packet: &Packet, is_alive: impl Fn(Rank) -> bool) -> Option<Rank> {
        if self.head == self.programs.len() {
            return None;
        }
        let keeps = |rank: Rank| is_alive(rank) && self.programs[rank as usize].run(packet) != 0;
        let mut best = self.first_in_tables(packet, &is_alive);
        let alone = &self.alone[self.alone.partition_point(|&rank| (rank as usize) < self.head)..];
        if let Some(&rank) = alone.iter().take_while(|&&rank| rank < best).find(|&&rank| keeps(rank)) {
            best = rank;
        }
        (best < self.tables.none).then_some(best)
    }

    /// The code for the first match of many packets, if what it says is all.
    pub(super) fn batch(&self) -> Option<&SetBatchCode> {
        let native = self.native.as_ref().filter(|_| self.head == 0 && self.alone.is_empty())?;
        native.batch.as_ref()
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
        let best = native.first.call(packet, &mut []) as Rank;
        (best == self.tables.none || is_alive(best)).then_some(best)
    }

    fn first_of_asked(&self, native: &Native, packet: &Packet, is_alive: &impl Fn(Rank) -> bool) -> Option<Rank> {
        let mut found = [0; MOST_WRITTEN];
        let answer = native.first.call(packet, &mut found);
        if answer == GIVEN_UP {
            return None;
        }
        let (best, count) = (answer as Rank, (answer >> 32) as usize);
        let ranks = found[..count].iter().map(|&words| Entry::from_words(words).rank());
        let keeps = |rank: &Rank| is_alive(*rank) && self.programs[*rank as usize].run(packet) != 0;
        let asked = ranks.filter(|&rank| rank < best).filter(keeps).min();
        asked.or_else(|| (best == self.tables.none || is_alive(best)).then_some(best))
    }

    pub(super) fn first_by_interpretation(&self, packet: &Packet, is_alive: &impl Fn(Rank) -> bool) -> Rank {
        let row = self.fields.row(packet);
        let mut best = self.tables.none;
        for table in &self.tables.list {
            if table.first >= best {
                break;
            }
            let keeps = |entry: &Entry| {
                let rank = entry.rank();
                is_alive(rank) && (!entry.must_ask() || self.programs[rank as usize].run(packet) != 0)
            };
            let found = self.tables.matches(table, &row).filter(|entry| entry.rank() < best);
            best = found.filter(keeps).map(Entry::rank).min().unwrap_or(best);
        }
        best
    }

    /// All rules, compiled, if they are so few that to run them takes less time than to ask the index for all matches.
    pub(super) fn few(&self) -> Option<&[Filter]> {
        (self.singles.len() == self.programs.len() && self.are_few).then_some(self.singles.as_slice())
    }

    /// Writes all entries that hold for a packet, some rules more than once, in no order, and gives how many there are.
    pub(super) fn entries(&self, packet: &Packet, words: &mut Vec<u64>) -> usize {
        let Some(native) = &self.native else { return self.entries_by_interpretation(packet, words) };
        native.all.call_with_room(packet, words) as usize
    }

    pub(super) fn entries_by_interpretation(&self, packet: &Packet, words: &mut Vec<u64>) -> usize {
        let row = self.fields.row(packet);
        words.clear();
        let found = self.tables.list.iter().flat_map(|table| self.tables.matches(table, &row));
        words.extend(found.map(Entry::into_words));
        words.len()
    }
}

/// The terms of all rules in the order of their ranks, and the rules that have none to be found by. For each rule it is
/// told where its paths end.
fn terms(fields: &Fields, paths: &[Path], ends: &[Option<usize>]) -> (Vec<Term>, Vec<Rank>) {
    let (mut all, mut alone) = (Vec::new(), Vec::new());
    let mut start = 0;
    for (rank, end) in ends.iter().enumerate() {
        let (rank, begin) = (rank as Rank, all.len());
        let own = &paths[start..end.unwrap_or(start)];
        start += own.len();
        own.iter().for_each(|path| term::terms(fields, path, rank, &mut all));
        let says_nothing = |term: &Term| !term.is_exact && term.constraints.is_empty();
        if end.is_none() || all[begin..].iter().any(says_nothing) {
            all.truncate(begin);
            alone.push(rank);
        }
    }
    (all, alone)
}

/// The tables of the terms, in the order of their first ranks: of several choices the one that probably takes the least
/// time to look into. One is a list that code spells out.
fn tables(fields: &Fields, terms: &[Term], none: Rank) -> Tables {
    let chains = if terms.len() <= MOST_COMPARED { CHAINS } else { &CHAINS[..1] };
    let is_list = (1..=MOST_SPELLED).contains(&terms.len());
    let list = is_list.then(|| vec![Choice { key: Key::new(), terms: (0..terms.len()).collect() }]);
    let mut work = choose::WORK;
    let choices = chains.iter().map(|&most| choose::tables(fields, terms, most, &mut work)).chain(list);
    let tables = choices.map(|choices| made(fields, terms, none, choices));
    let best = tables.reduce(|best, other| if other.cost() * SURELY < best.cost() { other } else { best });
    best.expect("some choice")
}

/// The tables that were chosen.
fn made(fields: &Fields, terms: &[Term], none: Rank, choices: Vec<Choice>) -> Tables {
    let are_few = choices.len() <= FEW_TABLES;
    let mut parts: Vec<(Key, Vec<&Term>)> = Vec::new();
    for choice in choices {
        let of_table: Vec<&Term> = choice.terms.iter().map(|&term| &terms[term]).collect();
        let by_shape = if are_few { key::by_shape(&choice.key, &of_table) } else { vec![of_table] };
        parts.extend(by_shape.into_iter().map(|part| (choice.key.clone(), part)));
    }
    // By the key, too, so that tables which are alike are met in the same order.
    parts.sort_by_cached_key(|(key, terms)| (terms.first().map(|term| term.rank), key.clone()));
    // Nobody foresees them, so that nobody can choose packets whose keys are hashed alike.
    let numbers = RandomState::new();
    let mut tables = Tables::new(none);
    for (key, terms) in parts {
        tables.push(fields, &key, are_few, &terms, |trial, field| numbers.hash_one((trial, field)));
    }
    tables.finish(fields);
    tables
}

/// Which rules are compiled to be run alone, at most so many.
fn asked(run: &[Rank], alone: &[Rank], rules: usize) -> Vec<bool> {
    let mut asked = vec![false; rules];
    let mut left = MOST_COMPILED;
    for &rank in alone.iter().chain(run) {
        let is_new = !std::mem::replace(&mut asked[rank as usize], left > 0);
        left -= usize::from(is_new && left > 0);
    }
    asked
}
