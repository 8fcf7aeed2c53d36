//! Keys of tables, their hashes, and the terms that share a key.

use std::collections::HashSet;

use crate::classifier::perfect_hash::{MAX_DIRECT_KEYS, PerfectHash};
use crate::classifier::table_choice::{KeyMask, masked};
use crate::classifier::term::{Constraint, Term};
use crate::ir::Hashing;

/// The number of hashes that are tried for the keys of a table: those without buckets, if there are few keys, and all.
const DIRECT_TRIALS: usize = 64;
const TRIALS: usize = 128;

/// A field of a key, the bits that are hashed, and the factor of the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyField {
    pub(crate) field: u8,
    pub(crate) mask: u32,
    pub(crate) factor: u64,
}

/// Terms by their keys, and a perfect hash of these.
pub(crate) struct HashedTerms<'t> {
    pub(crate) key: Vec<KeyField>,
    pub(crate) perfect: PerfectHash,
    /// The terms of each key one after the other, in the order of their ranks.
    terms: Vec<&'t Term>,
    /// The hash of each key, its tag, and the place in `terms` after its last one.
    chains: Vec<(u64, u32, usize)>,
}

impl<'t> HashedTerms<'t> {
    /// Returns the terms by key; `None` if the key is empty or no perfect hash was found.
    pub(crate) fn new(
        key: &KeyMask,
        terms: &[&'t Term],
        factor: impl Fn(usize, usize) -> u64,
    ) -> Option<HashedTerms<'t>> {
        if key.is_empty() {
            return None;
        }
        (0..TRIALS).find_map(|trial| {
            let key = key.iter().enumerate();
            let key: Vec<KeyField> = key
                .map(|(number, &(field, mask))| KeyField { field, mask, factor: factor(trial, number) | 1 })
                .collect();
            let with_hash = |&term: &&'t Term| {
                let (hash, tag) = hash(&key, |field| number(term, field.field, field.mask));
                (hash, tag, term)
            };
            let mut sorted: Vec<(u64, u32, &Term)> = terms.iter().map(with_hash).collect();
            // The sort is stable, so terms stay in the order of their ranks.
            sorted.sort_by_key(|&(hash, ..)| hash);
            let mut end = 0;
            let by_key = sorted.chunk_by(|a, b| a.0 == b.0).map(|chain| {
                end += chain.len();
                (chain[0].0, chain[0].1, end)
            });
            let chains: Vec<(u64, u32, usize)> = by_key.collect();
            let hashes: Vec<u64> = chains.iter().map(|&(hash, ..)| hash).collect();
            let is_direct = hashes.len() <= MAX_DIRECT_KEYS && trial < DIRECT_TRIALS;
            let perfect = if is_direct { PerfectHash::direct(&hashes) } else { PerfectHash::new(&hashes) }?;
            let terms = sorted.into_iter().map(|(_, _, term)| term).collect();
            Some(HashedTerms { key, perfect, terms, chains })
        })
    }

    /// Returns the hash of each key, its tag, and its terms, in the order of their ranks.
    pub(crate) fn chains(&self) -> impl Iterator<Item = (u64, u32, &[&'t Term])> {
        let mut start = 0;
        self.chains.iter().map(move |&(hash, tag, end)| {
            let terms = &self.terms[std::mem::replace(&mut start, end)..end];
            (hash, tag, terms)
        })
    }
}

/// The most shapes of terms that become tables of their own.
const MAX_SHAPES: usize = 4;

/// Groups the terms of a table by the fields that they constrain, if that leaves no chains and gives few groups.
///
/// For `host A and port P`, the source ports and the destination ports then have tables of their own, with the same
/// words.
pub(crate) fn by_shape<'t>(key: &KeyMask, terms: &[&'t Term]) -> Vec<Vec<&'t Term>> {
    let mut shapes: Vec<Vec<&Term>> = Vec::new();
    let field = |constraint: &Constraint| constraint.field;
    let is_alike =
        |a: &Term, b: &Term| a.needs == b.needs && a.constraints.iter().map(field).eq(b.constraints.iter().map(field));
    if key.is_empty() || distinct_keys(key, terms) == terms.len() {
        return vec![terms.to_vec()];
    }
    for &term in terms {
        match shapes.iter().position(|shape| is_alike(shape[0], term)) {
            Some(shape) => shapes[shape].push(term),
            None if shapes.len() == MAX_SHAPES => return vec![terms.to_vec()],
            None => shapes.push(vec![term]),
        }
    }
    match shapes.iter().all(|shape| distinct_keys(key, shape) == shape.len()) {
        true => shapes,
        false => vec![terms.to_vec()],
    }
}

/// Returns the number of distinct keys of some terms. Keys of more than two fields that have one hash count as one, which
/// makes a table no less right.
fn distinct_keys(key: &[(u8, u32)], terms: &[&Term]) -> usize {
    let mut seen: HashSet<u64, Hashing> = HashSet::with_capacity_and_hasher(terms.len(), Hashing::default());
    let joined = |hash: u64, number: u32| match key {
        [_] | [_, _] => hash << 32 | u64::from(number),
        _ => (hash.rotate_left(5) ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15),
    };
    let of_term = |term: &&Term| key.iter().fold(0, |hash, &(field, mask)| joined(hash, number(term, field, mask)));
    seen.extend(terms.iter().map(of_term));
    seen.len()
}

/// Removes fields from a key that are not needed to distinguish terms, the least distinctive fields first.
pub(crate) fn narrow(key: &mut KeyMask, terms: &[&Term]) {
    let all = distinct_keys(key, terms);
    let mut fields = key.clone();
    fields.sort_by_cached_key(|&field| distinct_keys(&[field], terms));
    for field in fields {
        let rest: KeyMask = key.iter().copied().filter(|&other| other != field).collect();
        if !rest.is_empty() && distinct_keys(&rest, terms) == all {
            *key = rest;
        }
    }
}

/// Returns the bits of a field of a term that a key hashes.
pub(crate) fn number(term: &Term, field: u8, mask: u32) -> u32 {
    term.constraint(field).and_then(|constraint| masked(constraint, field, mask)).unwrap_or(0)
}

/// Returns the hash of a key and its tag.
///
/// The hash is a sum of products with odd random factors: for one field all hashes differ, for several they collide by
/// chance only.
pub(crate) fn hash(key: &[KeyField], number: impl Fn(&KeyField) -> u32) -> (u64, u32) {
    let hash =
        key.iter().fold(0, |hash: u64, field| hash.wrapping_add(field.factor.wrapping_mul(number(field).into())));
    let tag = if let [field] = key { number(field) } else { hash as u32 };
    (hash, tag)
}
