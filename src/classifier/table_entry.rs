//! What a table says of a packet: a rule, and whether that is all.

use crate::classifier::term::Rank;

/// The marks beside the rank of an entry.
pub(crate) mod mark {
    /// It is the last of its key.
    pub(crate) const LAST: u32 = 1 << 31;
    /// The program must be asked whether it keeps the packet.
    pub(crate) const UNVERIFIED: u32 = 1 << 30;
    /// The program must be asked for its verdict.
    pub(crate) const NO_VERDICT: u32 = 1 << 29;
    /// What is left for the rank.
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
    /// A rule that must be asked.
    pub(crate) fn unverified(rank: Rank) -> TableEntry {
        TableEntry { marked: rank | mark::UNVERIFIED | mark::NO_VERDICT, verdict: 0 }
    }

    /// A rule that was asked.
    pub(crate) fn with_verdict(rank: Rank, verdict: u32) -> TableEntry {
        TableEntry { marked: rank, verdict }
    }

    /// An entry as compiled code writes it: the verdict above.
    pub(crate) fn from_words(words: u64) -> TableEntry {
        TableEntry { marked: words as u32, verdict: (words >> 32) as u32 }
    }

    pub(crate) fn into_words(self) -> u64 {
        u64::from(self.verdict) << 32 | u64::from(self.marked)
    }

    pub(crate) fn rank(self) -> Rank {
        self.marked & mark::RANK
    }

    /// Whether the program must be asked whether it keeps the packet.
    pub(crate) fn needs_verification(self) -> bool {
        self.marked & mark::UNVERIFIED != 0
    }

    /// The verdict, if it is known.
    pub(crate) fn verdict(self) -> Option<u32> {
        (self.marked & mark::NO_VERDICT == 0).then_some(self.verdict)
    }
}
