//! Which tables an index has: greedily, those that save the most.
//!
//! A table is a key, some fields cut to their first bits; a term fits if each of its fields lies in one range that
//! these bits do not tell apart. To look into a table costs as much as to look at a few terms one by one, so few tables
//! that many terms fit are better than many that are exact.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::BuildHasher;

use crate::classifier::packet_fields::PacketFields;
use crate::classifier::term::{Constraint, Term};
use crate::ir::Hashing;

/// Fields in ascending order, each with the bits of it that are looked at.
pub(crate) type KeyMask = Vec<(u8, u32)>;

/// What it costs to look into a table, in looks at a term.
const LOOK: f64 = 5.0;

/// How many kinds of terms are seen as keys, and of how many of them what they have in common.
const MAX_KINDS: usize = 48;
const MAX_COMMON: usize = 20;

/// The most fields of a key: more tell hardly more terms apart.
const WIDEST: usize = 8;

/// How many terms are put to the test of a key, over all keys, rounds and choices: so many, and so many for each.
const WORK: usize = 24_000_000;
const WORK_OF_TERM: usize = 100;

/// The most terms that are put to the test of a key, if there are so many.
pub(crate) fn work(terms: usize) -> usize {
    WORK + WORK_OF_TERM * terms
}

/// Numbers of terms that share a table.
pub(crate) struct TablePlan {
    pub(crate) key: KeyMask,
    pub(crate) terms: Vec<usize>,
}

/// The tables for these terms, with no more than `full` in one place as long as there is a choice; the terms that no
/// table is worth come last, with an empty key.
pub(crate) fn tables(fields: &PacketFields, terms: &[Term], full: usize, work: &mut usize) -> Vec<TablePlan> {
    let keys = candidates(fields, terms);
    let mut left: Vec<usize> = (0..terms.len()).collect();
    let mut choices = Vec::new();
    for full in [full, usize::MAX] {
        if greedy(&keys, terms, &mut left, full, work, &mut choices).is_none() {
            by_kind(fields, terms, &mut left, &mut choices);
            break;
        }
    }
    if !left.is_empty() {
        choices.push(TablePlan { key: KeyMask::new(), terms: left });
    }
    choices
}

/// Takes the key that saves the most until none saves anything; `None` if there is more work than may be done.
fn greedy(
    keys: &[KeyMask],
    terms: &[Term],
    left: &mut Vec<usize>,
    full: usize,
    work: &mut usize,
    choices: &mut Vec<TablePlan>,
) -> Option<()> {
    // What a key saves only falls while others take terms, so that what was found before is the most it can be now.
    let mut queue: BinaryHeap<(u64, Reverse<usize>, usize)> = BinaryHeap::new();
    queue.extend((0..keys.len()).map(|key| (u64::MAX, Reverse(key), usize::MAX)));
    while let Some((_, Reverse(key), round)) = queue.pop() {
        *work = work.checked_sub(left.len())?;
        let (covered, saved) = cover(&keys[key], terms, left, full);
        if saved <= 0.0 {
            continue;
        }
        let is_best = round == choices.len() || queue.peek().is_none_or(|&(most, ..)| saved as u64 >= most);
        if !is_best {
            queue.push((saved as u64, Reverse(key), choices.len()));
            continue;
        }
        let taken: HashSet<usize, Hashing> = covered.iter().copied().collect();
        left.retain(|term| !taken.contains(term));
        choices.push(TablePlan { key: keys[key].clone(), terms: covered });
    }
    Some(())
}

/// Takes a table for each kind of terms that is worth one, the most frequent ones: in one go.
fn by_kind(fields: &PacketFields, terms: &[Term], left: &mut Vec<usize>, choices: &mut Vec<TablePlan>) {
    let mut kinds: HashMap<KeyMask, Vec<usize>, Hashing> = HashMap::default();
    left.iter().for_each(|&term| kinds.entry(finest(fields, &terms[term])).or_default().push(term));
    left.clear();
    let mut kinds: Vec<(KeyMask, Vec<usize>)> = kinds.into_iter().collect();
    kinds.sort_by(|(a, some), (b, others)| others.len().cmp(&some.len()).then_with(|| a.cmp(b)));
    for (place, (key, of_kind)) in kinds.into_iter().enumerate() {
        let is_worth = place < MAX_KINDS && !key.is_empty() && cover(&key, terms, &of_kind, usize::MAX).1 > 0.0;
        if is_worth {
            choices.push(TablePlan { key, terms: of_kind });
        } else {
            left.extend(of_kind);
        }
    }
    left.sort_unstable();
}

/// The terms that a table with this key would hold, no more than `full` in one place, and how many looks it saves.
fn cover(key: &KeyMask, terms: &[Term], left: &[usize], full: usize) -> (Vec<usize>, f64) {
    let mut places: HashMap<u64, Vec<usize>, Hashing> = HashMap::default();
    for &term in left {
        if let Some(hash) = hash_in(key, &terms[term]) {
            places.entry(hash).or_default().push(term);
        }
    }
    let mut covered = Vec::new();
    let mut squares = 0;
    for place in places.into_values().filter(|place| place.len() <= full) {
        squares += place.len() * place.len();
        covered.extend(place);
    }
    covered.sort_unstable();
    let count = covered.len() as f64;
    let saved = if covered.is_empty() { 0.0 } else { count - squares as f64 / count - LOOK };
    (covered, saved)
}

/// What the key sees of a term, hashed; `None` if the term does not fit.
fn hash_in(key: &KeyMask, term: &Term) -> Option<u64> {
    let mut hash = 0_u64;
    let mut constraints = term.constraints.iter();
    for &(field, mask) in key {
        let constraint = constraints.find(|constraint| constraint.field >= field)?;
        let bits = seen(constraint, field, mask)?;
        hash = (hash.rotate_left(5) ^ u64::from(bits)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    Some(hash)
}

/// The bits of a field that all numbers of a range have in common, if these are.
pub(crate) fn seen(constraint: &Constraint, field: u8, mask: u32) -> Option<u32> {
    let range = constraint.range().filter(|_| constraint.field == field)?;
    ((range.start() ^ range.end()) & mask == 0).then_some(range.start() & mask)
}

/// Keys worth a try: those of the most frequent kinds of terms, what two of them have in common, and what is left of
/// them without one field.
fn candidates(fields: &PacketFields, terms: &[Term]) -> Vec<KeyMask> {
    let mut kinds: HashMap<KeyMask, usize, Hashing> = HashMap::default();
    terms.iter().for_each(|term| *kinds.entry(finest(fields, term)).or_default() += 1);
    let mut kinds: Vec<(KeyMask, usize)> = kinds.into_iter().collect();
    kinds.sort_by(|(a, uses), (b, others)| others.cmp(uses).then_with(|| a.cmp(b)));
    let mut keys: Vec<KeyMask> = kinds.into_iter().map(|(key, _)| key).take(MAX_KINDS).collect();
    let most = keys.len().min(MAX_COMMON);
    for place in 0..most {
        for other in 0..place {
            keys.push(common(&keys[place], &keys[other]));
        }
        for field in 0..keys[place].len() {
            let mut key = keys[place].clone();
            key.remove(field);
            keys.push(key);
        }
    }
    let mut met = HashSet::with_hasher(Hashing::default());
    keys.retain(|key| !key.is_empty() && met.insert(Hashing::default().hash_one(key)));
    keys
}

/// The key that tells the most terms like this one apart: whole fields, and of long ones whole bytes.
fn finest(fields: &PacketFields, term: &Term) -> KeyMask {
    let mut key = KeyMask::new();
    for constraint in &term.constraints {
        let Some(range) = constraint.range() else { continue };
        let width = 32 - fields.max(constraint.field).leading_zeros();
        let differing = 32 - (range.start() ^ range.end()).leading_zeros();
        let unseen = if width > 16 { differing.next_multiple_of(8) } else { differing };
        let is_seen = if width > 16 { unseen < width } else { unseen == 0 };
        if is_seen {
            key.push((constraint.field, u32::MAX << unseen));
        }
    }
    if key.len() > WIDEST {
        // Later fields tell more apart: they are made of earlier ones.
        key.drain(..key.len() - WIDEST);
    }
    key
}

/// What two keys both look at.
fn common(left: &KeyMask, right: &KeyMask) -> KeyMask {
    let both = left.iter().filter_map(|&(field, mask)| {
        let &(_, other) = right.iter().find(|(other, _)| *other == field)?;
        Some((field, mask & other)).filter(|&(_, mask)| mask != 0)
    });
    both.collect()
}
