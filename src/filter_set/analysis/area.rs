//! Areas: conjunctions of constraints on values of the packet, and what is left of one without another.
//!
//! Values may depend on one another, so an area may hold no packet although no constraint is empty. Emptiness of areas
//! therefore proves that there are no packets, and nothing else is proven by areas alone.

use crate::bpf::isa::Width;
use crate::classifier::path::Path;
use crate::classifier::term::Rank;
use crate::filter_set::analysis::number_set::NumberSet;
use crate::ir::{Address, ValueId, Values};
use crate::packet::MAX_CAPTURED;

/// The constraints of an area: values in ascending order, with the numbers that they may be.
pub(super) type Constraints = Vec<(ValueId, NumberSet)>;

/// The packets that take one path through the program of a rule.
#[derive(Clone, Debug)]
pub(super) struct Area {
    pub(super) rank: Rank,
    /// `true` if these are all conditions. If not, the rule matches no other packets of its path, but perhaps fewer.
    pub(super) is_exact: bool,
    pub(super) constraints: Constraints,
    /// The least captured length, and the loads at computed offsets.
    pub(super) min_len: u32,
    pub(super) checks: Box<[(Address, Width)]>,
}

impl Area {
    /// Returns the area of a path; `None` if no packet takes it.
    pub(super) fn new(values: &Values, rank: Rank, path: &Path) -> Option<Area> {
        let mut constraints = Constraints::with_capacity(path.literals.len());
        let literals = path.literals.iter().map(|literal| (literal.value, NumberSet::from(literal.ranges.clone())));
        // No packet has bytes beyond the largest length, so bases are small.
        let bases = path.checks.iter().filter_map(|&(address, width)| {
            let most = (MAX_CAPTURED as u64).checked_sub(address.end(width)).map(|most| most as u32);
            let set = most.map_or_else(|| NumberSet::from(Vec::new()), |most| NumberSet::from(vec![(0, most)]));
            address.base.map(|base| (base, set))
        });
        for (value, set) in literals.chain(bases) {
            restrict(values, &mut constraints, value, &set)?;
        }
        if path.min_len as usize > MAX_CAPTURED {
            return None;
        }
        let (is_exact, min_len, checks) = (path.is_exact, path.min_len, path.checks.clone().into());
        Some(Area { rank, is_exact, constraints, min_len, checks })
    }

    /// Returns whether each packet with the bytes that this area needs has those that another one needs.
    pub(super) fn has_bytes_of(&self, other: &Area) -> bool {
        let has = |(address, width): &(Address, Width)| {
            let mut own = self.checks.iter();
            own.any(|(own, own_width)| own.base == address.base && own.end(*own_width) >= address.end(*width))
        };
        self.min_len >= other.min_len && other.checks.iter().all(has)
    }
}

/// Adds a constraint; `None` if nothing is left.
pub(super) fn restrict(values: &Values, to: &mut Constraints, value: ValueId, set: &NumberSet) -> Option<()> {
    let known = values.known(value);
    let place = to.binary_search_by_key(&value, |(value, _)| *value);
    let all = NumberSet::all(known);
    let before = place.map_or(&all, |place| &to[place].1);
    let after = before.intersection(set).tightened(known);
    if after.is_empty() {
        return None;
    }
    match place {
        Ok(place) => to[place].1 = after,
        Err(place) if after != all => to.insert(place, (value, after)),
        Err(_) => {}
    }
    Some(())
}

/// Returns the constraints of both; `None` if nothing is left.
pub(super) fn intersection(values: &Values, left: &Constraints, right: &Constraints) -> Option<Constraints> {
    let mut both = left.clone();
    right.iter().try_for_each(|(value, set)| restrict(values, &mut both, *value, set))?;
    Some(both)
}

/// The relation of a region to an area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Relation {
    Disjoint,
    /// The area contains the whole region.
    Inside,
    /// The area contains a share of the region.
    Overlap(f64),
}

/// Returns the relation of a region to an area.
pub(super) fn relation(values: &Values, region: &Constraints, area: &Constraints) -> Relation {
    let (mut share, mut is_inside) = (1.0, true);
    let mut own = region.iter().peekable();
    for (value, set) in area {
        while own.next_if(|(other, _)| other < value).is_some() {}
        let (count, common) = match own.next_if(|(other, _)| other == value) {
            Some((_, own)) if !own.overlaps(set) => return Relation::Disjoint,
            Some((_, own)) if own.is_subset(set) => continue,
            Some((_, own)) => (own.count(), own.common_count(set)),
            None => (NumberSet::all(values.known(*value)).count(), set.count()),
        };
        is_inside = false;
        share *= common as f64 / count as f64;
    }
    if is_inside { Relation::Inside } else { Relation::Overlap(share) }
}

/// Returns whether a region and an area have something in common, as far as single values show.
pub(super) fn overlaps(region: &Constraints, area: &Constraints) -> bool {
    let mut own = region.iter().peekable();
    area.iter().all(|(value, set)| {
        while own.next_if(|(other, _)| other < value).is_some() {}
        own.next_if(|(other, _)| other == value).is_none_or(|(_, own)| own.overlaps(set))
    })
}

/// Appends disjoint regions that together are the rest of a region without an area that overlaps it.
pub(super) fn subtract(values: &Values, region: &Constraints, area: &Constraints, rest: &mut Vec<Constraints>) {
    let mut inside = region.clone();
    for (value, set) in area {
        let known = values.known(*value);
        let place = inside.binary_search_by_key(value, |(value, _)| *value);
        let all = NumberSet::all(known);
        let before = place.map_or(&all, |place| &inside[place].1);
        let outside = before.difference(set).tightened(known);
        if !outside.is_empty() {
            let mut piece = inside.clone();
            match place {
                Ok(place) => piece[place].1 = outside,
                Err(place) => piece.insert(place, (*value, outside)),
            }
            rest.push(piece);
        }
        if restrict(values, &mut inside, *value, set).is_none() {
            return;
        }
    }
}
