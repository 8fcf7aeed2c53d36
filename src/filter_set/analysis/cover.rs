//! The search for what areas leave of regions.
//!
//! A region that an area contains is covered. Otherwise the area that contains the largest share of the region is taken
//! away from it, and the search goes on with the pieces that are left, each with the areas that still overlap it. The
//! largest piece comes first, since a packet is most likely found there. Where many areas contain a small share each,
//! the region is cut in two instead.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::classifier::term::Rank;
use crate::filter_set::analysis::area::{self, Constraints, Relation};
use crate::filter_set::analysis::bit_origins::Solved;
use crate::filter_set::analysis::cut::{self, Cut};
use crate::filter_set::analysis::number_set::NumberSet;
use crate::filter_set::analysis::rule_areas::RuleAreas;
use crate::ir::Values;

/// The work for a region, besides that for each area: it takes as long as so many comparisons.
const REGION_WORK: u64 = 64;

/// The largest share of the region in an area for which the region may be cut in two instead.
const SMALL_SHARE: f64 = 0.25;

/// The number of areas on both sides of a cut that are counted in the time of one comparison.
const LOOKED_AT_IN_ONE: u64 = 8;

/// A region to search, and the places of the areas that may overlap it.
pub(super) struct Pending {
    pub(super) region: Constraints,
    pub(super) areas: Rc<[u32]>,
}

/// What a visitor wants after a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visited {
    Stop,
    /// Stop if the region may hold packets.
    StopUnlessEmpty,
    GoOn,
}

/// The end of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The visitor stopped it.
    Stopped,
    /// Nothing is left. The areas of these rules cover all.
    Covered(BTreeSet<Rank>),
    /// The visitor has seen all regions that are left; the areas of these rules cover the others.
    Left(BTreeSet<Rank>),
    /// There was more to do than allowed.
    OutOfWork,
}

/// A search, with its bound.
pub(super) struct CoverSearch<'r> {
    rules: &'r RuleAreas,
    /// The number of areas that may still be compared with a region.
    pub(super) work: u64,
}

impl<'r> CoverSearch<'r> {
    pub(super) fn new(rules: &'r RuleAreas, work: u64) -> CoverSearch<'r> {
        CoverSearch { rules, work }
    }

    /// Searches some regions, and calls `visit` with each region that no area contains, and whether any overlaps it.
    pub(super) fn run(&mut self, regions: Vec<Pending>, mut visit: impl FnMut(&Constraints, bool) -> Visited) -> Ended {
        let values = &self.rules.values;
        let mut pending = regions;
        // The last one is searched first.
        pending.reverse();
        let (mut used, mut is_left, mut pieces) = (BTreeSet::new(), false, Vec::new());
        while let Some(Pending { region, areas }) = pending.pop() {
            let ranges: usize = region.iter().map(|(_, set)| set.len()).sum();
            self.work = self.work.saturating_sub(REGION_WORK + (areas.len() + ranges) as u64);
            if self.work == 0 {
                return Ended::OutOfWork;
            }
            let Compared { inside, widest, share, overlapping } = self.compare(&region, &areas, &used);
            if let Some(rank) = inside {
                used.insert(rank);
                continue;
            }
            if self.rules.origins.contradict(&region) {
                continue;
            }
            let Some(widest) = widest else {
                let visited = visit(&region, false);
                let may_hold_packets = || self.rules.origins.solve(&region) != Solved::Empty;
                if visited == Visited::Stop || !is_left && may_hold_packets() {
                    is_left = true;
                }
                if is_left && visited != Visited::GoOn {
                    return Ended::Stopped;
                }
                continue;
            };
            if visit(&region, true) == Visited::Stop {
                return Ended::Stopped;
            }
            if overlapping.len() >= cut::MIN_AREAS && share < SMALL_SHARE {
                let (cut, looked_at) = Cut::find(self.rules, &region, &overlapping);
                self.work = self.work.saturating_sub(looked_at / LOOKED_AT_IN_ONE);
                if let Some(cut) = cut {
                    let areas: Rc<[u32]> = overlapping.into();
                    let halves = cut.halves(self.rules, &region);
                    pending.extend(halves.map(|region| Pending { region, areas: areas.clone() }));
                    continue;
                }
            }
            let area = &self.rules.areas[widest as usize];
            used.insert(area.rank);
            area::subtract(values, &region, &area.constraints, &mut pieces);
            pieces.sort_by(|a, b| size(values, a).total_cmp(&size(values, b)));
            let areas: Rc<[u32]> = overlapping.into_iter().filter(|&place| place != widest).collect();
            pending.extend(pieces.drain(..).map(|region| Pending { region, areas: areas.clone() }));
        }
        if is_left { Ended::Left(used) } else { Ended::Covered(used) }
    }

    /// Compares a region with areas. Of those that contain it, areas of rules that are used already are preferred, and
    /// then those of early rules.
    fn compare(&self, region: &Constraints, areas: &[u32], used: &BTreeSet<Rank>) -> Compared {
        let mut compared = Compared { inside: None, widest: None, share: -1.0, overlapping: Vec::new() };
        for &place in areas {
            let area = &self.rules.areas[place as usize];
            match area::relation(&self.rules.values, region, &area.constraints) {
                Relation::Disjoint => {}
                Relation::Inside => {
                    let is_used = used.contains(&area.rank);
                    compared.inside = compared.inside.filter(|_| !is_used).or(Some(area.rank));
                    if is_used {
                        break;
                    }
                }
                Relation::Overlap(share) => {
                    compared.overlapping.push(place);
                    if share > compared.share {
                        (compared.share, compared.widest) = (share, Some(place));
                    }
                }
            }
        }
        compared
    }

    /// Leaves out rules without which the others cover some regions as well, as far as the work allows.
    pub(super) fn minimal(&mut self, regions: &[(Constraints, Vec<u32>)], used: BTreeSet<Rank>) -> BTreeSet<Rank> {
        let mut needed = used;
        let mut tried: Vec<Rank> = needed.iter().copied().collect();
        while let Some(rank) = tried.pop().filter(|_| needed.len() > 1) {
            if !needed.contains(&rank) {
                continue;
            }
            let is_kept = |&&place: &&u32| {
                let own = self.rules.areas[place as usize].rank;
                own != rank && needed.contains(&own)
            };
            let pending = regions.iter().map(|(region, areas)| Pending {
                region: region.clone(),
                areas: areas.iter().filter(is_kept).copied().collect(),
            });
            match self.run(pending.collect(), |_, _| Visited::StopUnlessEmpty) {
                Ended::Covered(fewer) => needed = fewer,
                Ended::OutOfWork => break,
                Ended::Stopped | Ended::Left(_) => {}
            }
        }
        needed
    }
}

/// The areas that overlap a region.
struct Compared {
    /// The rule of an area that contains the region.
    inside: Option<Rank>,
    /// The area that contains the largest share of the region, of those that do not contain it.
    widest: Option<u32>,
    share: f64,
    overlapping: Vec<u32>,
}

/// Returns the share of all packets in a region.
fn size(values: &Values, region: &Constraints) -> f64 {
    let share = |(value, set): &(_, NumberSet)| {
        let all = NumberSet::all(values.known(*value));
        set.count() as f64 / all.count() as f64
    };
    region.iter().map(share).product()
}
