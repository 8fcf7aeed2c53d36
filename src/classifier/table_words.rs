//! The words of tables: slots, and chains of entries.

use crate::classifier::table::{Lookup, Slots, Table};
use crate::classifier::table_key::HashedTerms;
use crate::classifier::term::Term;

impl Table {
    /// Returns the words of a table with slots.
    pub(super) fn fill(&mut self, hashed: &HashedTerms) -> Vec<u32> {
        let perfect = &hashed.perfect;
        let terms = || hashed.chains().flat_map(|(_, _, terms)| terms);
        let lens = || hashed.chains().map(|(_, _, terms)| terms.len());
        self.chain_count = lens().count();
        self.longest_chain = lens().max().unwrap_or(0);
        self.mean_chain_len = lens().map(|len| len * len).sum::<usize>() as f64 / lens().sum::<usize>() as f64;
        self.has_marks = self.longest_chain > 1 || self.has_unverified || terms().any(|term| term.verdict.is_none());
        let is_bare = self.conditions.is_empty() && !self.has_marks && !self.entries_have_needs;
        let verdict = terms().next().and_then(|term| term.verdict);
        self.slot_verdict = verdict.filter(|_| is_bare && terms().all(|term| term.verdict == verdict));

        let at = perfect.factors.len().next_multiple_of(2);
        let mut words = perfect.factors.clone();
        words.resize(at + 2 * perfect.slots(), 0);
        let mut free = vec![true; perfect.slots()];
        for (hash, tag, terms) in hashed.chains() {
            let content = if self.slot_verdict.is_some() { terms[0].rank } else { words.len() as u32 };
            if self.slot_verdict.is_none() {
                self.push_chain(terms, &mut words);
            }
            let slot = perfect.slot_of(hash);
            words[at + 2 * slot..][..2].copy_from_slice(&[tag, content]);
            free[slot] = false;
        }
        let taken = free.iter().position(|&is_free| !is_free).unwrap_or(0);
        for slot in (0..free.len()).filter(|&slot| free[slot]) {
            words.copy_within(at + 2 * taken..at + 2 * taken + 2, at + 2 * slot);
        }
        self.lookup = Lookup::Hash(Slots { bucket_bits: perfect.bucket_bits(), at, bits: perfect.bits });
        words
    }

    /// Appends the words of a chain.
    pub(super) fn push_chain(&self, terms: &[&Term], words: &mut Vec<u32>) {
        let block = self.block();
        let count = terms.len().div_ceil(block);
        for (number, terms) in terms.chunks(block).enumerate() {
            let start = words.len();
            words.resize(start + block * self.stride(), 0);
            for lane in 0..block {
                let is_last = self.has_marks && number + 1 == count;
                self.write_entry(terms[lane.min(terms.len() - 1)], is_last, lane, &mut words[start..]);
            }
        }
    }

    /// Writes an entry of a block.
    fn write_entry(&self, term: &Term, is_last: bool, lane: usize, words: &mut [u32]) {
        let block = self.block();
        words[2 * lane..][..2].copy_from_slice(&[self.marked(term, is_last), term.verdict.unwrap_or(0)]);
        let places = (2..self.stride()).map(|word| block * word + lane);
        let needs = [term.needs as u32, (term.needs >> 32) as u32];
        let needs = needs.into_iter().take(if self.entries_have_needs { 2 } else { 0 });
        let conditions = self.conditions.iter().flat_map(|condition| {
            let of_field = term.constraint(condition.field);
            let (first, span) = of_field.map_or((0, u32::MAX), |constraint| (constraint.first, constraint.span));
            [first, span].into_iter().take(condition.words())
        });
        places.zip(needs.chain(conditions)).for_each(|(place, word)| words[place] = word);
    }
}
