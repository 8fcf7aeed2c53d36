//! A list of rules with their index, and which of them are gone.

use std::sync::Arc;

use crate::packet::Packet;
use crate::set::index::Index;
use crate::set::table::Entry;
use crate::set::term::Rank;
use crate::verify::Verified;

/// Rules that were indexed together; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Part {
    rules: Arc<[Rule]>,
    index: Arc<Index>,
    /// The rules that were removed since, a bit each; empty if there are none.
    dead: Arc<Vec<u64>>,
    dead_count: usize,
}

/// Room for what is found in one part.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer {
    /// As compiled code writes it.
    words: Vec<u64>,
    pub(super) found: Vec<Entry>,
}

/// What is known of a rule besides its program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) id: u32,
    /// Its place among the rules of the set; later ones are larger.
    pub(super) order: u64,
}

impl Part {
    /// The part of these rules, which are in order.
    pub(super) fn new(rules: Vec<(Rule, Verified)>) -> Part {
        let (rules, programs): (Vec<Rule>, Vec<Verified>) = rules.into_iter().unzip();
        let index = Arc::new(Index::new(programs));
        Part { rules: rules.into(), index, dead: Arc::default(), dead_count: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(super) fn rule(&self, rank: Rank) -> Rule {
        self.rules[rank as usize]
    }

    /// How many of them were removed.
    pub(super) fn dead_count(&self) -> usize {
        self.dead_count
    }

    /// The rules that are alive, and their programs.
    pub(super) fn rules(&self) -> impl Iterator<Item = (Rule, Verified)> {
        let all = self.rules.iter().zip(&self.index.programs).enumerate();
        all.filter(|&(rank, _)| self.is_alive(rank as Rank))
            .map(|(_, (rule, program))| (*rule, program.verified.clone()))
    }

    #[inline]
    fn is_alive(&self, rank: Rank) -> bool {
        self.dead.get(rank as usize / 64).is_none_or(|word| word >> (rank % 64) & 1 == 0)
    }

    /// Takes out a rule.
    pub(super) fn remove(&mut self, rank: Rank) {
        let dead = Arc::make_mut(&mut self.dead);
        dead.resize(self.rules.len().div_ceil(64), 0);
        dead[rank as usize / 64] |= 1 << (rank % 64);
        self.dead_count += 1;
    }

    /// The first rule that keeps a packet.
    #[inline]
    pub(super) fn first(&self, packet: &Packet) -> Option<Rank> {
        self.index.first(packet, |rank| self.is_alive(rank))
    }

    /// Fills the buffer with the rules that keep a packet, in order, each once, and with their verdicts if those are wanted.
    pub(super) fn matches(&self, packet: &Packet, wants_verdicts: bool, buffer: &mut Buffer) {
        let Buffer { words, found } = buffer;
        found.clear();
        let count = self.index.entries(packet, words);
        found.extend(words[..count].iter().map(|&words| Entry::from_words(words)));
        found.extend(self.index.alone.iter().map(|&rank| Entry::to_ask(rank)));
        // Of a rule that was found twice, once without a doubt, that counts.
        found.sort_unstable_by_key(|entry| (entry.rank(), entry.must_ask()));
        found.dedup_by_key(|entry| entry.rank());
        found.retain_mut(|entry| {
            if entry.must_ask() || wants_verdicts && entry.verdict().is_none() {
                *entry = Entry::of(entry.rank(), self.run(entry.rank(), packet));
            }
            self.is_alive(entry.rank()) && entry.verdict() != Some(0)
        });
    }

    fn run(&self, rank: Rank, packet: &Packet) -> u32 {
        self.index.programs[rank as usize].run(packet)
    }
}
