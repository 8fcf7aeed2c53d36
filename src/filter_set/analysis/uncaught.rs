//! Packets that no rule matches.

use crate::classifier::term::Rank;
use crate::filter_set::analysis::area::Constraints;
use crate::filter_set::analysis::cover::{CoverSearch, Ended, Pending, Visited};
use crate::filter_set::analysis::examples::{ExamplePacket, Examples, Lengths, choices};
use crate::filter_set::analysis::status::UnknownReason;
use crate::packet::Packet;

/// The attempts to build a packet in a region that is left.
const ATTEMPTS: u64 = 4;

/// What no rule of a set matches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Uncaught {
    /// Each packet matches a rule.
    Nothing,
    /// No rule matches these packets, which differ from each other in conditions of rules. There may be more.
    Packets(Vec<ExamplePacket>),
    /// Neither a packet nor a proof was found.
    Unknown(UnknownReason),
}

/// Searches packets that no rule matches, at most `most`. Also returns rules that cover some packets, if others are left.
pub(super) fn find(examples: &Examples, lengths: Lengths, most: usize, work: u64) -> (Uncaught, Vec<Rank>) {
    let rules = examples.rules;
    let needs_bytes = |place: &usize| rules.areas[*place].min_len > 0 || !rules.areas[*place].checks.is_empty();
    // An empty packet has no bytes at all.
    let may_cover = |place: &usize| rules.areas[*place].is_exact && (lengths == Lengths::Enough || !needs_bytes(place));
    let areas = (0..rules.areas.len()).filter(may_cover).map(|place| place as u32);
    let all = Pending { region: Constraints::new(), areas: areas.collect() };
    let is_uncaught = |packet: &Packet| !examples.set.is_match(packet);
    let mut packets: Vec<ExamplePacket> = Vec::new();
    let ended = CoverSearch::new(rules, work).run(vec![all], |region, overlaps| {
        if packets.len() >= most {
            return Visited::Stop;
        }
        if !overlaps {
            packets.extend(examples.find(region, choices(ATTEMPTS), is_uncaught));
        }
        if packets.len() < most { Visited::GoOn } else { Visited::Stop }
    });
    if packets.is_empty() && ended == Ended::OutOfWork {
        packets.extend(examples.find(&Constraints::new(), choices(ATTEMPTS), is_uncaught));
    }
    match ended {
        _ if !packets.is_empty() => (Uncaught::Packets(packets), Vec::new()),
        Ended::Covered(_) => (Uncaught::Nothing, Vec::new()),
        Ended::OutOfWork => (Uncaught::Unknown(UnknownReason::Work), Vec::new()),
        Ended::Stopped => (Uncaught::Unknown(UnknownReason::Conditions), Vec::new()),
        Ended::Left(used) => (Uncaught::Unknown(UnknownReason::Conditions), used.into_iter().collect()),
    }
}
