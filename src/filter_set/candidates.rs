//! What the tables of a part have found, put in order.

use crate::classifier::entry::Entry;
use crate::classifier::term::Rank;

/// Up to so many entries are sorted; of more, a bit for each rule says whether it is among them.
const MOST_SORTED: usize = 24;

/// Room for what is found in one part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Entries as compiled code writes them.
    pub(crate) words: Vec<u64>,
    /// Entries in order, each rule once.
    pub(crate) entries: Vec<Entry>,
    /// Of each rule, by rank: whether it was found, a bit each, all 0 between packets; and the verdict if it was.
    bits: Vec<u64>,
    verdicts: Vec<u32>,
}

impl Found {
    /// Puts the first `count` entries of `words`, and the rules that are asked in any case, in order into `entries`.
    ///
    /// `decide` says what becomes of an entry, if anything. Of a rule that was found twice, once without a doubt, that
    /// counts.
    pub(crate) fn settle(
        &mut self,
        count: usize,
        alone: &[Rank],
        rules: usize,
        mut decide: impl FnMut(Entry) -> Option<Entry>,
    ) {
        self.entries.clear();
        let found = self.words[..count].iter().map(|&words| Entry::from_words(words));
        let all = found.chain(alone.iter().map(|&rank| Entry::to_ask(rank)));
        if count + alone.len() > MOST_SORTED {
            self.bits.resize(rules.div_ceil(64).max(self.bits.len()), 0);
            self.verdicts.resize(rules.max(self.verdicts.len()), 0);
            let mut mark = |entry: Entry| {
                let (word, bit) = (entry.rank() as usize / 64, 1 << (entry.rank() % 64));
                if self.bits[word] & bit == 0
                    && let Some(decided) = decide(entry)
                {
                    self.bits[word] |= bit;
                    self.verdicts[entry.rank() as usize] = decided.verdict;
                }
            };
            let entries = &mut self.entries;
            all.for_each(|entry| if entry.must_ask() { entries.push(entry) } else { mark(entry) });
            entries.sort_unstable_by_key(|entry| entry.rank());
            entries.dedup_by_key(|entry| entry.rank());
            entries.drain(..).for_each(mark);
            return self.collect(rules);
        }
        self.entries.extend(all);
        self.entries.sort_unstable_by_key(|entry| (entry.rank(), entry.must_ask()));
        self.entries.dedup_by_key(|entry| entry.rank());
        self.entries.retain_mut(|entry| decide(*entry).inspect(|&decided| *entry = decided).is_some());
    }

    /// Takes the rules whose bits are set.
    fn collect(&mut self, rules: usize) {
        for (place, word) in self.bits[..rules.div_ceil(64)].iter_mut().enumerate() {
            let mut bits = std::mem::take(word);
            while bits != 0 {
                let rank = 64 * place as u32 + bits.trailing_zeros();
                self.entries.push(Entry::of(rank, self.verdicts[rank as usize]));
                bits &= bits - 1;
            }
        }
    }
}
