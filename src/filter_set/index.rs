//! The index of a list of rules: built once, never changed.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::bpf::verify::Verified;
use crate::classifier::entry::Entry;
use crate::classifier::fallback;
use crate::classifier::fallback::{Alone, AloneReason};
use crate::classifier::field::Fields;
use crate::classifier::key;
use crate::classifier::linear_prefix;
use crate::classifier::linear_prefix::Singly;
use crate::classifier::path_extraction::{Extracted, extract};
use crate::classifier::table::{MOST_SPELLED, Tables};
use crate::classifier::table_choice;
use crate::classifier::table_choice::{Choice, Key};
use crate::classifier::term;
use crate::classifier::term::{Rank, Term};
use crate::classifier::work_counter;
use crate::codegen::CompileError;
use crate::codegen::classifier::{ClassifierCode, TableBatchCode, TableCode};
use crate::filter::Filter;
use crate::packet::Packet;

/// How many rules are compiled that the tables have run, besides those that run for many packets; and how great the part
/// of all packets is that are many.
const MOST_COMPILED: usize = 4_096;
const MANY: f64 = 0.02;

/// Up to so many tables have keys that are as narrow as can be, and become several if that leaves no chains.
const FEW_TABLES: usize = 4;

/// How many terms a rule has in a list at most: to look at more takes longer than to run it.
const MOST_LISTED: usize = 8;

/// How long chains may be as long as there are other keys: each is tried, if there are not too many terms.
const CHAINS: &[usize] = &[8, 4, 2];
const MOST_COMPARED: usize = 4_096;

/// How much better another choice must seem to be taken: estimates are rough.
const SURELY: f64 = 1.1;

/// An index.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) fields: Fields,
    pub(crate) tables: Arc<Tables>,
    /// The code that looks into them, or the reason that there is none.
    pub(crate) native: Result<ClassifierCode, CompileError>,
    /// The program of each rule, by rank.
    pub(crate) programs: Vec<Program>,
    /// The rules that the tables do not have, in order, and why.
    pub(crate) alone: Vec<Rank>,
    reasons: Vec<AloneReason>,
    /// The rules that keep no packet, in order.
    pub(crate) never: Vec<Rank>,
    /// The first rules, which are asked one by one; side by side, since that is a loop that must be as fast as any.
    pub(crate) singles: Vec<Filter>,
    /// How many of them are asked when the first match is sought.
    pub(crate) head: usize,
    /// Whether all of them are when all matches are sought, if all rules are among them.
    are_few: bool,
}

/// A program that runs alone, compiled if that is worth it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) verified: Verified,
    filter: Option<Box<Filter>>,
}

impl Program {
    pub(crate) fn run(&self, packet: &Packet) -> u32 {
        work_counter::rule();
        match &self.filter {
            Some(filter) => filter.run(packet),
            None => self.verified.interpret(packet),
        }
    }
}

impl Index {
    pub(crate) fn new(rules: impl IntoIterator<Item = Verified>) -> Index {
        let programs: Vec<Verified> = rules.into_iter().collect();
        let Extracted { values, paths, ends, joined } = extract(&programs);
        let starts = [0].into_iter().chain(ends.iter().copied());
        let never =
            starts.zip(&ends).zip(0..).filter(|((start, end), _)| start == *end).map(|(_, rank)| rank).collect();
        let mut fields = Fields::choose(values, &paths, &ends);
        let mut terms = term::of_rules(&fields, &paths, &ends);
        drop(paths);
        let mut alone = fallback::take_broad(&fields, &mut terms, programs.len(), &joined);
        fields.turn(&mut terms);
        let (tables, dropped) = tables(&fields, &terms, programs.len() as Rank);
        let tables = Arc::new(tables);
        let native = ClassifierCode::new(&fields, &tables);
        alone.extend(dropped.into_iter().map(|rank| Alone { rank, reason: AloneReason::Alternatives }));
        alone.sort_unstable_by_key(|alone| alone.rank);
        let (alone, reasons): (Vec<Rank>, Vec<AloneReason>) =
            alone.into_iter().map(|alone| (alone.rank, alone.reason)).unzip();
        let breadth = linear_prefix::breadth(&fields, &terms, &alone, programs.len());
        let Singly { head, all } = linear_prefix::singly(&fields, &tables, &breadth, &alone);
        let count = if all { programs.len() } else { head };
        let singles: Vec<Filter> =
            programs[..count].iter().map_while(|program| Filter::compile(program).ok()).collect();
        let head = head.min(singles.len());
        let asked = asked(&tables.run, &alone, &breadth);
        let programs = programs.into_iter().zip(asked).enumerate().map(|(rank, (verified, is_asked))| {
            let compile = || singles.get(rank).cloned().or_else(|| Filter::compile(&verified).ok());
            let filter = is_asked.then(compile).flatten().map(Box::new);
            Program { verified, filter }
        });
        let programs = programs.collect();
        Index { programs, fields, tables, native, alone, reasons, never, singles, head, are_few: all }
    }

    /// The rules that the tables do not have, in order, and why.
    pub(crate) fn alone(&self) -> impl Iterator<Item = (Rank, AloneReason)> {
        self.alone.iter().copied().zip(self.reasons.iter().copied())
    }

    /// The code for the first match, if what it says is all: the rank, or [`Tables::none`].
    pub(crate) fn sure(&self) -> Option<Arc<TableCode>> {
        let native = self.native.as_ref().ok().filter(|_| self.head == 0 && self.alone.is_empty())?;
        Some(&native.first).filter(|first| first.output_len() == 0).cloned()
    }

    /// The code for all matches, if what it says is all but for the order.
    pub(crate) fn plain(&self) -> Option<Arc<TableCode>> {
        let is_plain = self.alone.is_empty() && self.few().is_none() && !self.tables.has_asked();
        self.native.as_ref().ok().filter(|_| is_plain).map(|native| native.all.clone())
    }

    /// The code for the first match of many packets, if what it says is all.
    pub(crate) fn batch(&self) -> Option<&TableBatchCode> {
        let native = self.native.as_ref().ok().filter(|_| self.head == 0 && self.alone.is_empty())?;
        native.batch.as_ref()
    }

    /// All rules, compiled, if they are so few that to run them takes less time than to ask the index for all matches.
    pub(crate) fn few(&self) -> Option<&[Filter]> {
        (self.singles.len() == self.programs.len() && self.are_few).then_some(self.singles.as_slice())
    }

    /// Writes all entries that hold for a packet, some rules more than once, in no order, and gives how many there are.
    pub(crate) fn entries(&self, packet: &Packet, words: &mut Vec<u64>) -> usize {
        let Ok(native) = &self.native else { return self.entries_by_interpretation(packet, words) };
        native.all.call_growing(packet, words) as usize
    }

    pub(crate) fn entries_by_interpretation(&self, packet: &Packet, words: &mut Vec<u64>) -> usize {
        let row = self.fields.row(packet);
        words.clear();
        let found = self.tables.list.iter().flat_map(|table| self.tables.matches(table, &row));
        words.extend(found.map(Entry::into_words));
        words.len()
    }
}

/// The tables of the terms, in the order of their first ranks: of several choices the one that probably takes the least
/// time to look into, and the rules that it leaves to run alone. One is a list that code spells out.
fn tables(fields: &Fields, terms: &[Term], none: Rank) -> (Tables, Vec<Rank>) {
    let chains = if terms.len() <= MOST_COMPARED { CHAINS } else { &CHAINS[..1] };
    let is_list = (1..=MOST_SPELLED).contains(&terms.len());
    let list = is_list.then(|| vec![Choice { key: Key::new(), terms: (0..terms.len()).collect() }]);
    let mut work = table_choice::work(terms.len());
    let choices = chains.iter().map(|&most| table_choice::tables(fields, terms, most, &mut work)).chain(list);
    let tables = choices.map(|mut choices| {
        let dropped = take_listed(terms, &mut choices);
        let tables = made(fields, terms, none, choices);
        (tables.cost() + linear_prefix::INSTRUCTIONS_OF_RULE * dropped.len() as f64, tables, dropped)
    });
    let best = tables.reduce(|best, other| if other.0 * SURELY < best.0 { other } else { best });
    let (_, tables, dropped) = best.expect("some choice");
    (tables, dropped)
}

/// Takes out rules with many terms in a list that code does not spell out, and gives them in order.
fn take_listed(terms: &[Term], choices: &mut Vec<Choice>) -> Vec<Rank> {
    let listed = choices.iter().filter(|choice| choice.key.is_empty()).flat_map(|choice| &choice.terms);
    let ranks: Vec<Rank> = listed.map(|&term| terms[term].rank).collect();
    if ranks.len() <= MOST_SPELLED {
        return Vec::new();
    }
    let of_rules = ranks.chunk_by(|a, b| a == b).filter(|of_rule| of_rule.len() > MOST_LISTED);
    let dropped: Vec<Rank> = of_rules.map(|of_rule| of_rule[0]).collect();
    for choice in choices.iter_mut() {
        choice.terms.retain(|&term| dropped.binary_search(&terms[term].rank).is_err());
    }
    choices.retain(|choice| !choice.terms.is_empty());
    dropped
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

/// Which rules are compiled to be run: those that run alone or for many packets, and of the others at most so many.
fn asked(run: &[Rank], alone: &[Rank], breadth: &[f64]) -> Vec<bool> {
    let mut asked = vec![false; breadth.len()];
    alone.iter().for_each(|&rank| asked[rank as usize] = true);
    let mut left = MOST_COMPILED;
    for &rank in run {
        let is_many = breadth[rank as usize] >= MANY;
        let is_new = (is_many || left > 0) && !std::mem::replace(&mut asked[rank as usize], true);
        left -= usize::from(is_new && !is_many);
    }
    asked
}
