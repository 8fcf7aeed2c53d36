//! What an analysis says of a rule.

use std::fmt;

use crate::filter_set::analysis::examples::ExamplePacket;

/// Whether a rule can be the first match of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleStatus {
    /// The rule is the first match of this packet.
    CanBeFirst(ExamplePacket),
    /// The rule is never the first match: earlier rules, together, match all of its packets.
    Shadowed {
        /// The ids of these rules, in the order of the set. Each is needed, unless that took too long to find out.
        by: Vec<u32>,
    },
    /// The rule matches no packet.
    MatchesNothing,
    /// Neither a packet nor a proof was found.
    Unknown(UnknownReason),
}

/// The reason that an analysis has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnknownReason {
    /// The answer took more work than allowed.
    Work,
    /// The answer depends on conditions that cannot be compared: on context data, random numbers, large expressions,
    /// or on values that are computed from the same bytes.
    Conditions,
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UnknownReason::Work => "the answer takes more work than allowed",
            UnknownReason::Conditions => "the answer depends on conditions that cannot be compared",
        })
    }
}
