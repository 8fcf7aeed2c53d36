//! Entries of tables: a rule, and whether its program has to verify the match.

use crate::classifier::term::Rank;

/// Marks in the upper bits of the rank.
pub(crate) mod mark {
    /// The entry is the last of its chain.
    pub(crate) const LAST: u32 = 1 << 31;
    /// The program must verify that it matches the packet.
    pub(crate) const UNVERIFIED: u32 = 1 << 30;
    /// The program must compute the verdict.
    pub(crate) const NO_VERDICT: u32 = 1 << 29;
    /// The bits of the rank.
    pub(crate) const RANK: u32 = NO_VERDICT - 1;
}

/// An entry that holds for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableEntry {
    /// The rank, and the marks.
    pub(crate) marked: u32,
    pub(crate) verdict: u32,
}

impl TableEntry {
    /// Returns an entry that needs verification.
    pub(crate) fn unverified(rank: Rank) -> TableEntry {
        TableEntry { marked: rank | mark::UNVERIFIED | mark::NO_VERDICT, verdict: 0 }
    }

    /// Returns an entry that needs no verification.
    pub(crate) fn with_verdict(rank: Rank, verdict: u32) -> TableEntry {
        TableEntry { marked: rank, verdict }
    }

    /// Unpacks an entry as native code writes it, with the verdict in the upper half.
    pub(crate) fn from_words(words: u64) -> TableEntry {
        TableEntry { marked: words as u32, verdict: (words >> 32) as u32 }
    }

    pub(crate) fn into_words(self) -> u64 {
        u64::from(self.verdict) << 32 | u64::from(self.marked)
    }

    pub(crate) fn rank(self) -> Rank {
        self.marked & mark::RANK
    }

    /// Returns `true` if the program must verify that it matches the packet.
    pub(crate) fn needs_verification(self) -> bool {
        self.marked & mark::UNVERIFIED != 0
    }

    /// Returns the verdict, if it is known.
    pub(crate) fn verdict(self) -> Option<u32> {
        (self.marked & mark::NO_VERDICT == 0).then_some(self.verdict)
    }
}
