//! The rules of a set as unions of areas, in the order of the set, and the search for areas that overlap a region.

use std::collections::HashMap;
use std::ops::Range;

use crate::bpf::isa::Width;
use crate::bpf::verify::{Step, Verified};
use crate::classifier::path_extraction::{Extracted, extract};
use crate::classifier::program_list::ProgramList;
use crate::classifier::term::Rank;
use crate::filter_set::analysis::area::{Area, Constraints, MAX_ASSUMED_LEN};
use crate::filter_set::analysis::bit_origins::BitOrigins;
use crate::ir::{Address, Hashing, ValueId, Values};
use crate::packet::ancillary::Extension;

/// The number of values whose bounds are compared before all constraints are.
const PREFILTERED: usize = 6;

/// The bounds of those values in an area.
type Bounds = [(u32, u32); PREFILTERED];

/// The rules of a set.
#[derive(Debug)]
pub(super) struct RuleAreas {
    pub(super) ids: Vec<u32>,
    pub(super) programs: ProgramList,
    pub(super) values: Values,
    /// In the order of the rules.
    pub(super) areas: Vec<Area>,
    /// For each rule, the number of areas before it; and the number of all areas.
    starts: Vec<u32>,
    /// The values that most areas constrain.
    prefiltered: [Option<ValueId>; PREFILTERED],
    bounds: Vec<Bounds>,
    pub(super) origins: BitOrigins,
    /// The largest number of bytes that areas need, and the farthest load from each computed offset.
    pub(super) min_len: u64,
    pub(super) checks: Vec<(Address, Width)>,
}

impl RuleAreas {
    pub(super) fn new(ids: Vec<u32>, programs: ProgramList) -> RuleAreas {
        let Extracted { values, paths, .. } = extract(&programs);
        let (mut areas, mut starts) = (Vec::new(), Vec::with_capacity(ids.len() + 1));
        paths.for_each(|rule, paths| {
            starts.push(areas.len() as u32);
            areas.extend(paths.iter().filter_map(|path| Area::new(&values, rule as Rank, path)));
        });
        drop(paths);
        starts.push(areas.len() as u32);
        let mut uses: HashMap<ValueId, usize, Hashing> = HashMap::default();
        areas.iter().flat_map(|area| &area.constraints).for_each(|(value, _)| *uses.entry(*value).or_default() += 1);
        let mut tested: Vec<(ValueId, usize)> = uses.into_iter().collect();
        tested.sort_by_key(|&(value, uses)| (std::cmp::Reverse(uses), value));
        let prefiltered = std::array::from_fn(|place| tested.get(place).map(|&(value, _)| value));
        let bounds = areas.iter().map(|area| bounds_of(&prefiltered, &area.constraints)).collect();
        let origins = BitOrigins::new(&values, tested.iter().map(|&(value, _)| value));
        let (min_len, checks) = needs(&areas);
        RuleAreas { ids, programs, values, areas, starts, prefiltered, bounds, origins, min_len, checks }
    }

    /// Returns the number of rules.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn program(&self, rank: Rank) -> Verified {
        self.programs.get(rank as usize)
    }

    /// Returns the places of the areas of a rule.
    pub(super) fn places_of(&self, rank: Rank) -> Range<usize> {
        self.starts[rank as usize] as usize..self.starts[rank as usize + 1] as usize
    }

    pub(super) fn of_rule(&self, rank: Rank) -> &[Area] {
        &self.areas[self.places_of(rank)]
    }

    /// Returns whether a rule matches exactly the packets of its areas.
    pub(super) fn is_exact(&self, rank: Rank) -> bool {
        self.of_rule(rank).iter().all(|area| area.is_exact)
    }

    /// Returns the areas in a range of places that may overlap a region.
    pub(super) fn near(&self, region: &Constraints, places: Range<usize>) -> impl Iterator<Item = usize> {
        let own = bounds_of(&self.prefiltered, region);
        let start = places.start;
        let is_near = move |(_, bounds): &(usize, &Bounds)| {
            // No branches, so that several comparisons are one instruction.
            bounds.iter().zip(&own).fold(true, |is_near, (a, b)| is_near & (a.0 <= b.1) & (b.0 <= a.1))
        };
        self.bounds[places].iter().enumerate().filter(is_near).map(move |(place, _)| start + place)
    }
}

/// Returns whether a program loads random numbers.
pub(super) fn draws_random(program: &Verified) -> bool {
    program.steps().iter().any(|step| matches!(step, Step::Ancillary(Extension::Random)))
}

/// Returns the bounds of some values in a region.
fn bounds_of(values: &[Option<ValueId>; PREFILTERED], region: &Constraints) -> Bounds {
    values.map(|value| {
        let place = value.and_then(|value| region.binary_search_by_key(&value, |(other, _)| *other).ok());
        let set = place.map(|place| &region[place].1);
        let ends = set.and_then(|set| Some((set.first()?.0, set.last()?.1)));
        ends.unwrap_or((0, u32::MAX))
    })
}

/// Returns the largest number of bytes that areas need, and the farthest load from each computed offset.
fn needs(areas: &[Area]) -> (u64, Vec<(Address, Width)>) {
    let mut farthest: HashMap<ValueId, (Address, Width), Hashing> = HashMap::default();
    for &(address, width) in areas.iter().flat_map(|area| &area.checks) {
        let is_near = address.end(width) <= u64::from(MAX_ASSUMED_LEN);
        let Some(base) = address.base.filter(|_| is_near) else { continue };
        let most = farthest.entry(base).or_insert((address, width));
        if address.end(width) > most.0.end(most.1) {
            *most = (address, width);
        }
    }
    let mut checks: Vec<(Address, Width)> = farthest.into_values().collect();
    checks.sort_by_key(|(address, _)| address.base);
    let lengths = areas.iter().map(|area| area.min_len).filter(|&len| len <= MAX_ASSUMED_LEN);
    (lengths.max().unwrap_or(0).into(), checks)
}
