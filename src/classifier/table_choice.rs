//! The greedy choice of the keys of tables.
//!
//! A key is a list of fields, perhaps cut to their upper bits. A term fits if all numbers of each of its ranges have
//! the same upper bits. The lookup in a table costs as much as looking at a few terms one by one, so few tables that
//! many terms fit are better than many exact tables.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::BuildHasher;

use crate::classifier::packet_fields::PacketFields;
use crate::classifier::term::{Constraint, Term};
use crate::ir::Hashing;

/// The fields of a key in ascending order, each with the mask of the bits that it uses.
pub(crate) type KeyMask = Vec<(u8, u32)>;

/// The cost of a lookup in a table, in terms that are looked at one by one.
const LOOKUP: f64 = 5.0;

/// The number of shapes of terms that are tried as keys, and of those of which common keys are tried.
const MAX_SHAPES: usize = 48;
const MAX_COMMON: usize = 20;

/// The most fields of a key. More hardly distinguish more terms.
const MAX_KEY_FIELDS: usize = 8;

/// The number of times that a term is tried with a key, over all keys, rounds and plans: in total, and for each term.
const WORK: usize = 24_000_000;
const WORK_OF_TERM: usize = 100;

/// Returns the limit of trials for a number of terms.
pub(crate) fn work(terms: usize) -> usize {
    WORK + WORK_OF_TERM * terms
}

/// The key of a table and the numbers of its terms.
pub(crate) struct TablePlan {
    pub(crate) key: KeyMask,
    pub(crate) terms: Vec<usize>,
}

/// Plans the tables of the terms whose numbers `left` has, with chains of at most `limit` terms while other keys save
/// anything. Terms that no key is worth come last, with an empty key.
pub(crate) fn plan(
    fields: &PacketFields,
    terms: &[Term],
    mut left: Vec<usize>,
    limit: usize,
    work: &mut usize,
) -> Vec<TablePlan> {
    let keys = keys_to_try(fields, left.iter().map(|&term| &terms[term]));
    let mut plans = Vec::new();
    for limit in [limit, usize::MAX] {
        if greedy(&keys, terms, &mut left, limit, work, &mut plans).is_none() {
            by_shape(fields, terms, &mut left, &mut plans);
            break;
        }
    }
    if !left.is_empty() {
        plans.push(TablePlan { key: KeyMask::new(), terms: left });
    }
    plans
}

/// Takes the key that saves the most until none saves anything; `None` if the work exceeds the limit.
fn greedy(
    keys: &[KeyMask],
    terms: &[Term],
    left: &mut Vec<usize>,
    limit: usize,
    work: &mut usize,
    plans: &mut Vec<TablePlan>,
) -> Option<()> {
    // The savings of a key only fall while others take terms, so earlier values are upper bounds.
    let mut queue: BinaryHeap<(u64, Reverse<usize>, usize)> = BinaryHeap::new();
    queue.extend((0..keys.len()).map(|key| (u64::MAX, Reverse(key), usize::MAX)));
    while let Some((_, Reverse(key), round)) = queue.pop() {
        *work = work.checked_sub(left.len())?;
        let (covered, saved) = cover(&keys[key], terms, left, limit);
        if saved <= 0.0 {
            continue;
        }
        let is_best = round == plans.len() || queue.peek().is_none_or(|&(most, ..)| saved as u64 >= most);
        if !is_best {
            queue.push((saved as u64, Reverse(key), plans.len()));
            continue;
        }
        let taken: HashSet<usize, Hashing> = covered.iter().copied().collect();
        left.retain(|term| !taken.contains(term));
        plans.push(TablePlan { key: keys[key].clone(), terms: covered });
    }
    Some(())
}

/// Plans a table for each of the most frequent shapes of terms that is worth one, in one pass.
fn by_shape(fields: &PacketFields, terms: &[Term], left: &mut Vec<usize>, plans: &mut Vec<TablePlan>) {
    let mut shapes: HashMap<KeyMask, Vec<usize>, Hashing> = HashMap::default();
    left.iter().for_each(|&term| shapes.entry(finest(fields, &terms[term])).or_default().push(term));
    left.clear();
    let mut shapes: Vec<(KeyMask, Vec<usize>)> = shapes.into_iter().collect();
    shapes.sort_by(|(a, some), (b, others)| others.len().cmp(&some.len()).then_with(|| a.cmp(b)));
    for (place, (key, of_shape)) in shapes.into_iter().enumerate() {
        let is_worth = place < MAX_SHAPES && !key.is_empty() && cover(&key, terms, &of_shape, usize::MAX).1 > 0.0;
        if is_worth {
            plans.push(TablePlan { key, terms: of_shape });
        } else {
            left.extend(of_shape);
        }
    }
    left.sort_unstable();
}

/// Returns the terms that a table with this key would hold, in chains of at most `limit`, and the terms that a lookup
/// need not look at.
fn cover(key: &KeyMask, terms: &[Term], left: &[usize], limit: usize) -> (Vec<usize>, f64) {
    let hashes: Vec<(u64, usize)> = left.iter().filter_map(|&term| Some((hash_in(key, &terms[term])?, term))).collect();
    let mut lens: HashMap<u64, usize, Hashing> = HashMap::with_capacity_and_hasher(hashes.len(), Hashing::default());
    hashes.iter().for_each(|(hash, _)| *lens.entry(*hash).or_default() += 1);
    let squares: usize = lens.values().filter(|&&len| len <= limit).map(|len| len * len).sum();
    let covered = hashes.into_iter().filter(|(hash, _)| lens[hash] <= limit);
    let covered: Vec<usize> = covered.map(|(_, term)| term).collect();
    let count = covered.len() as f64;
    let saved = if covered.is_empty() { 0.0 } else { count - squares as f64 / count - LOOKUP };
    (covered, saved)
}

/// Returns a hash of a term's key; `None` if the term does not fit.
fn hash_in(key: &KeyMask, term: &Term) -> Option<u64> {
    let mut hash = 0_u64;
    let mut constraints = term.constraints.iter();
    for &(field, mask) in key {
        let constraint = constraints.find(|constraint| constraint.field >= field)?;
        let bits = masked(constraint, field, mask)?;
        hash = (hash.rotate_left(5) ^ u64::from(bits)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    Some(hash)
}

/// Returns the masked bits of a constraint on a field, if all its numbers have the same ones.
pub(crate) fn masked(constraint: &Constraint, field: u8, mask: u32) -> Option<u32> {
    let range = constraint.range().filter(|_| constraint.field == field)?;
    ((range.start() ^ range.end()) & mask == 0).then_some(range.start() & mask)
}

/// Returns the keys to try: those of the most frequent shapes of terms, the common fields of two of them, and each
/// without one field.
fn keys_to_try<'t>(fields: &PacketFields, terms: impl Iterator<Item = &'t Term>) -> Vec<KeyMask> {
    let mut shapes: HashMap<KeyMask, usize, Hashing> = HashMap::default();
    terms.for_each(|term| *shapes.entry(finest(fields, term)).or_default() += 1);
    let mut shapes: Vec<(KeyMask, usize)> = shapes.into_iter().collect();
    shapes.sort_by(|(a, uses), (b, others)| others.cmp(uses).then_with(|| a.cmp(b)));
    let mut keys: Vec<KeyMask> = shapes.into_iter().map(|(key, _)| key).take(MAX_SHAPES).collect();
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

/// Returns the key that distinguishes the most terms like this one: whole fields, and whole bytes of long ones.
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
    if key.len() > MAX_KEY_FIELDS {
        // Later fields are computed from earlier ones, and distinguish more terms.
        key.drain(..key.len() - MAX_KEY_FIELDS);
    }
    key
}

/// Returns the fields and bits that two keys have in common.
fn common(left: &KeyMask, right: &KeyMask) -> KeyMask {
    let both = left.iter().filter_map(|&(field, mask)| {
        let &(_, other) = right.iter().find(|(other, _)| *other == field)?;
        Some((field, mask & other)).filter(|&(_, mask)| mask != 0)
    });
    both.collect()
}
