//! What a table says of a packet: a rule, and whether that is all.

use crate::classifier::term::Rank;

/// The marks beside the rank of an entry.
pub(crate) mod mark {
    /// It is the last of its key.
    pub(crate) const LAST: u32 = 1 << 31;
    /// The program must be asked whether it keeps the packet.
    pub(crate) const ASK: u32 = 1 << 30;
    /// The program must be asked for its verdict.
    pub(crate) const COMPUTED: u32 = 1 << 29;
    /// What is left for the rank.
    pub(crate) const RANK: u32 = COMPUTED - 1;
}

/// An entry that holds for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The rank, and the marks.
    pub(crate) marked: u32,
    pub(crate) verdict: u32,
}

impl Entry {
    /// A rule that must be asked.
    pub(crate) fn to_ask(rank: Rank) -> Entry {
        Entry { marked: rank | mark::ASK | mark::COMPUTED, verdict: 0 }
    }

    /// A rule that was asked.
    pub(crate) fn of(rank: Rank, verdict: u32) -> Entry {
        Entry { marked: rank, verdict }
    }

    /// An entry as compiled code writes it: the verdict above.
    pub(crate) fn from_words(words: u64) -> Entry {
        Entry { marked: words as u32, verdict: (words >> 32) as u32 }
    }

    pub(crate) fn into_words(self) -> u64 {
        u64::from(self.verdict) << 32 | u64::from(self.marked)
    }

    pub(crate) fn rank(self) -> Rank {
        self.marked & mark::RANK
    }

    /// Whether the program must be asked whether it keeps the packet.
    pub(crate) fn must_ask(self) -> bool {
        self.marked & mark::ASK != 0
    }

    /// The verdict, if it is known.
    pub(crate) fn verdict(self) -> Option<u32> {
        (self.marked & mark::COMPUTED == 0).then_some(self.verdict)
    }
}
