//! The candidates that the tables of a segment find for a packet, and their resolution in the order of the rules.

use crate::classifier::bit_vectors::ones;
use crate::classifier::fallback::Fallback;
use crate::classifier::table_entry::TableEntry;

/// The most candidates that are sorted. More than these are collected in a bit set of all rules.
const MAX_SORTED: usize = 24;

/// A buffer for the candidates of one segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// Table entries as native code writes them, in no order.
    pub(crate) words: Vec<u64>,
    /// The resolved entries in order, one for each rule.
    pub(crate) resolved: Vec<TableEntry>,
    /// A bit for each rule that matches, by rank. All are 0 between packets.
    bits: Vec<u64>,
    /// A bit for each word of `bits`, set if the word is not 0.
    used: Vec<u64>,
    /// The verdicts of the rules whose bits are set, by rank.
    verdicts: Vec<u32>,
}

impl Candidates {
    /// Resolves the first `count` entries of `words` and the fallback programs, in order, into `resolved`.
    ///
    /// `decide` returns the resolved entry if the rule matches. If a rule has several entries, one that needs no
    /// verification takes precedence.
    pub(crate) fn resolve(
        &mut self,
        count: usize,
        fallbacks: &[Fallback],
        rules: usize,
        mut decide: impl FnMut(TableEntry) -> Option<TableEntry>,
    ) {
        self.resolved.clear();
        let of_tables = self.words[..count].iter().map(|&words| TableEntry::from_words(words));
        let all = of_tables.chain(fallbacks.iter().map(|fallback| TableEntry::unverified(fallback.rank)));
        if count + fallbacks.len() > MAX_SORTED {
            self.bits.resize(rules.div_ceil(64).max(self.bits.len()), 0);
            self.used.resize(self.bits.len().div_ceil(64), 0);
            self.verdicts.resize(rules.max(self.verdicts.len()), 0);
            let mut mark = |entry: TableEntry| {
                let (word, bit) = (entry.rank() as usize / 64, 1 << (entry.rank() % 64));
                if self.bits[word] & bit == 0 {
                    if let Some(decided) = decide(entry) {
                        self.bits[word] |= bit;
                        self.used[word / 64] |= 1 << (word % 64);
                        self.verdicts[entry.rank() as usize] = decided.verdict;
                    }
                }
            };
            let unverified = &mut self.resolved;
            all.for_each(|entry| if entry.needs_verification() { unverified.push(entry) } else { mark(entry) });
            unverified.sort_unstable_by_key(|entry| entry.rank());
            unverified.dedup_by_key(|entry| entry.rank());
            unverified.drain(..).for_each(mark);
            return self.take_marked();
        }
        self.resolved.extend(all);
        self.resolved.sort_unstable_by_key(|entry| (entry.rank(), entry.needs_verification()));
        self.resolved.dedup_by_key(|entry| entry.rank());
        self.resolved.retain_mut(|entry| decide(*entry).inspect(|&decided| *entry = decided).is_some());
    }

    /// Moves the rules whose bits are set to `resolved`.
    fn take_marked(&mut self) {
        for (place, used) in self.used.iter_mut().enumerate() {
            for word in ones(std::mem::take(used)).map(|bit| 64 * place + bit) {
                for rank in ones(std::mem::take(&mut self.bits[word])).map(|bit| 64 * word + bit) {
                    self.resolved.push(TableEntry::with_verdict(rank as u32, self.verdicts[rank]));
                }
            }
        }
    }
}
