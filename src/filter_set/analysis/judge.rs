//! The status of each rule: can it be the first match?

use std::collections::{BTreeMap, HashMap};

use crate::bpf::verify::Verified;
use crate::classifier::term::Rank;
use crate::filter_set::analysis::area::{self, Area, Constraints, Relation};
use crate::filter_set::analysis::bit_origins::Solved;
use crate::filter_set::analysis::cover::{CoverSearch, Ended, Pending, Visited};
use crate::filter_set::analysis::examples::{Examples, Lengths, choices};
use crate::filter_set::analysis::packet_builder::Choice;
use crate::filter_set::analysis::rule_areas::{RuleAreas, draws_random};
use crate::filter_set::analysis::status::{RuleStatus, UnknownReason};
use crate::ir::Hashing;
use crate::packet::Packet;
use crate::parallel;

/// The work for each rule in the first round. Rules that need more share the rest in a second round.
const FIRST_WORK: u64 = 1 << 16;

/// The most work to leave out rules that are not needed for a proof.
const MINIMAL_WORK: u64 = 1 << 20;

/// The attempts to build a packet in an area of a rule, and in a region that is left.
const ATTEMPTS: u64 = 2;
const ATTEMPTS_IN_REST: u64 = 8;

/// The number of regions with other areas in all of which packets are built, and in which part of the later ones.
const ALWAYS_TRIED: u64 = 16;
const TRIED_EACH: u64 = 32;

/// The most areas of a rule in which packets are built before other areas are taken away.
const MAX_TRIED_AREAS: usize = 16;

/// The distance of rules that one thread judges one after the other: later rules have more earlier ones.
const STRIDE: usize = 61;

/// A judge of rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge<'s> {
    pub(super) examples: Examples<'s>,
    pub(super) lengths: Lengths,
    /// The ranks of rules by their ids.
    pub(super) ranks: &'s HashMap<u32, Rank>,
}

/// The status of a rule; and if there is no answer, earlier rules that cover some of its packets.
struct Judged {
    status: RuleStatus,
    used: Vec<Rank>,
}

impl From<RuleStatus> for Judged {
    fn from(status: RuleStatus) -> Judged {
        Judged { status, used: Vec::new() }
    }
}

/// An area of a rule, and the places of the areas of earlier rules that overlap it.
type Covered = (Constraints, Vec<u32>);

impl<'s> Judge<'s> {
    fn rules(&self) -> &'s RuleAreas {
        self.examples.rules
    }

    /// Returns the status of each rule, in order; and for rules without an answer, earlier rules that cover some of
    /// their packets. In the second round all rules share `work`.
    pub(super) fn all(&self, work: u64) -> (Vec<RuleStatus>, BTreeMap<Rank, Vec<Rank>>) {
        let count = self.rules().len();
        let same = self.first_same_programs();
        let mut order: Vec<Rank> = (0..count as Rank).collect();
        order.sort_by_key(|&rank| rank as usize % STRIDE);
        let mut of_rules = vec![RuleStatus::Unknown(UnknownReason::Work); count];
        let mut used = BTreeMap::new();
        let mut round = |ranks: &[Rank], work: u64| {
            let judged = parallel::in_parts(ranks.len(), |range| {
                ranks[range].iter().map(|&rank| self.judge(rank, &same, work)).collect::<Vec<Judged>>()
            });
            for (&rank, judged) in ranks.iter().zip(judged.into_iter().flatten()) {
                of_rules[rank as usize] = judged.status;
                used.extend((!judged.used.is_empty()).then_some((rank, judged.used)));
            }
            let is_open = |rank: &Rank| of_rules[*rank as usize] == RuleStatus::Unknown(UnknownReason::Work);
            ranks.iter().copied().filter(is_open).collect::<Vec<Rank>>()
        };
        let open = round(&order, FIRST_WORK.min(work));
        let share = work / open.len().max(1) as u64;
        if share > FIRST_WORK {
            round(&open, share);
        }
        (of_rules, used)
    }

    fn judge(&self, rank: Rank, same: &BTreeMap<Rank, Rank>, work: u64) -> Judged {
        let (rules, own) = (self.rules(), self.rules().of_rule(rank));
        let id = rules.ids[rank as usize];
        let mut first = None;
        let mut examples = own.iter().take(MAX_TRIED_AREAS).filter_map(|area| {
            self.examples.find_in(area, &area.constraints, self.lengths, choices(ATTEMPTS), |packet| {
                first = self.examples.set.first_match(packet);
                first == Some(id)
            })
        });
        if let Some(example) = examples.next() {
            return RuleStatus::CanBeFirst(example).into();
        }
        drop(examples);
        if self.matches_nothing(rank) {
            return RuleStatus::MatchesNothing.into();
        }
        if let Some(&first) = same.get(&rank) {
            return self.shadowed([first]).into();
        }
        // A rule that matches all packets of this one matches the last of these, and it is the first one that does.
        let first = first.and_then(|id| self.ranks.get(&id).copied());
        if let Some(first) = first.filter(|&first| first < rank && self.is_around(first, own)) {
            return self.shadowed([first]).into();
        }
        let covered: Vec<Covered> = (0..own.len()).map(|place| self.earlier(rank, place)).collect();
        if let Some(first) = self.single_cover(&covered) {
            return self.shadowed([first]).into();
        }
        self.search(rank, covered, work)
    }

    /// Returns whether a rule is proven to match no packet.
    fn matches_nothing(&self, rank: Rank) -> bool {
        let (rules, own, program) = (self.rules(), self.rules().of_rule(rank), self.rules().program(rank));
        // Mostly a packet is found sooner than a proof.
        let matches = |area: &Area| {
            let is_match = |packet: &Packet| program.interpret(packet) != 0;
            self.examples.find_in(area, &area.constraints, self.lengths, [Choice::Least], is_match).is_some()
        };
        let is_empty = |area: &Area| rules.origins.solve(&area.constraints) == Solved::Empty;
        !own.iter().take(MAX_TRIED_AREAS).any(matches) && (own.iter().all(is_empty) || program.rejects_all())
    }

    /// Searches what the areas of earlier rules leave of those of a rule.
    fn search(&self, rank: Rank, covered: Vec<Covered>, work: u64) -> Judged {
        let rules = self.rules();
        let id = rules.ids[rank as usize];
        let is_first = |packet: &Packet| self.examples.set.first_match(packet) == Some(id);
        let (mut found, mut tried) = (None, 0);
        let mut search = CoverSearch::new(rules, work);
        let pending =
            covered.iter().map(|(region, areas)| Pending { region: region.clone(), areas: areas.as_slice().into() });
        let ended = search.run(pending.collect(), |region, overlaps| {
            tried += 1;
            if overlaps && tried > ALWAYS_TRIED && tried % TRIED_EACH != 0 {
                return Visited::GoOn;
            }
            let own = rules
                .of_rule(rank)
                .iter()
                .find(|area| area::relation(&rules.values, region, &area.constraints) == Relation::Inside);
            let Some(own) = own else { return Visited::GoOn };
            found = match overlaps {
                true => self.examples.find_in(own, region, self.lengths, [Choice::Random(tried)], is_first),
                false => self.examples.find_in(own, region, self.lengths, choices(ATTEMPTS_IN_REST), is_first),
            };
            if found.is_some() { Visited::Stop } else { Visited::GoOn }
        });
        let status = match (ended, found) {
            (_, Some(example)) => RuleStatus::CanBeFirst(example),
            (Ended::Covered(used), None) if used.is_empty() => RuleStatus::MatchesNothing,
            (Ended::Covered(used), None) => {
                search.work = MINIMAL_WORK;
                self.shadowed(search.minimal(&covered, used))
            }
            (Ended::OutOfWork, None) => RuleStatus::Unknown(UnknownReason::Work),
            (Ended::Stopped, None) => RuleStatus::Unknown(UnknownReason::Conditions),
            (Ended::Left(used), None) => {
                let status = RuleStatus::Unknown(UnknownReason::Conditions);
                return Judged { status, used: used.into_iter().collect() };
            }
        };
        status.into()
    }

    fn shadowed(&self, by: impl IntoIterator<Item = Rank>) -> RuleStatus {
        RuleStatus::Shadowed { by: by.into_iter().map(|rank| self.rules().ids[rank as usize]).collect() }
    }

    /// Returns an area of a rule, and the areas of earlier rules that may cover some of it.
    fn earlier(&self, rank: Rank, place: usize) -> Covered {
        let rules = self.rules();
        let own = &rules.of_rule(rank)[place];
        let before = 0..rules.places_of(rank).start;
        let may_cover = |place: &usize| {
            let area = &rules.areas[*place];
            self.may_cover(area, own) && area::overlaps(&own.constraints, &area.constraints)
        };
        let areas = rules.near(&own.constraints, before).filter(may_cover);
        (own.constraints.clone(), areas.map(|place| place as u32).collect())
    }

    /// Returns whether a rule has an area around each of some areas.
    fn is_around(&self, rank: Rank, areas: &[Area]) -> bool {
        let is_around = |inner: &Area, outer: &Area| {
            self.may_cover(outer, inner)
                && area::relation(&self.rules().values, &inner.constraints, &outer.constraints) == Relation::Inside
        };
        areas.iter().all(|inner| self.rules().of_rule(rank).iter().any(|outer| is_around(inner, outer)))
    }

    /// Returns whether all packets in an area match its rule, if they have the bytes that another area needs.
    fn may_cover(&self, area: &Area, other: &Area) -> bool {
        area.is_exact && (self.lengths == Lengths::Enough || other.has_bytes_of(area))
    }

    /// Returns the first rule with an area around each of some regions.
    fn single_cover(&self, covered: &[Covered]) -> Option<Rank> {
        let rules = self.rules();
        let around = |(region, areas): &Covered| {
            let is_around = |place: &&u32| {
                let area = &rules.areas[**place as usize];
                area::relation(&rules.values, region, &area.constraints) == Relation::Inside
            };
            areas.iter().filter(is_around).map(|&place| rules.areas[place as usize].rank).collect::<Vec<Rank>>()
        };
        let (first, others) = covered.split_first()?;
        let mut ranks = around(first);
        for other in others {
            if ranks.is_empty() {
                return None;
            }
            // In order, since areas are.
            let own = around(other);
            ranks.retain(|rank| own.binary_search(rank).is_ok());
        }
        ranks.first().copied()
    }

    /// Returns, for each rule that is not exact, the first rule with the same program. Equal programs with random
    /// numbers match different packets.
    fn first_same_programs(&self) -> BTreeMap<Rank, Rank> {
        let rules = self.rules();
        let mut firsts: HashMap<Verified, Rank, Hashing> = HashMap::default();
        let mut same = BTreeMap::new();
        for rank in (0..rules.len() as Rank).filter(|&rank| !rules.is_exact(rank)) {
            let program = rules.program(rank);
            if draws_random(&program) {
                continue;
            }
            let first = *firsts.entry(program).or_insert(rank);
            if first != rank {
                same.insert(rank, first);
            }
        }
        same
    }
}
