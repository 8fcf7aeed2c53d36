//! Sets that change, against a list of programs that changes in the same way.

use std::time::{Duration, Instant};

use super::*;
use crate::bpf::program::Program;
use crate::filter_set::merge::Merge;
use crate::packet::random;

/// Returns a program for packets of which the first two bytes are these numbers, or either of them is.
fn rule(one: u32, other: u32, verdict: u32) -> Verified {
    let text = match verdict % 3 {
        0 => format!("ldb [0]\n jne #{one}, drop\n ldb [1]\n jne #{other}, drop\n"),
        1 => format!("ldb [0]\n jeq #{one}, keep\n ldb [1]\n jne #{other}, drop\n keep:\n"),
        _ => format!("ldb [0]\n jlt #{one}, drop\n ldb [1]\n jgt #{other}, drop\n"),
    };
    let program: Program = format!("{text} ret #{verdict}\n drop: ret #0").parse().expect("a program");
    program.verify(Dialect::Pcap).expect("a valid program")
}

/// Rules in order, and numbers at random.
struct Model {
    rules: Vec<(u32, Verified)>,
    seed: u64,
    drawn: u32,
    next_id: u32,
}

impl Model {
    fn new(seed: u64, count: u32) -> Model {
        let mut model = Model { rules: Vec::new(), seed, drawn: 0, next_id: 0 };
        (0..count).for_each(|_| drop(model.add(None)));
        model
    }

    fn set(&self) -> FilterSet {
        FilterSet::new(self.rules.iter().cloned()).expect("rules with ids of their own")
    }

    fn draw(&mut self, below: u32) -> u32 {
        self.drawn += 1;
        random::number(self.seed, self.drawn) % below
    }

    fn program(&mut self) -> Verified {
        let [one, other, verdict] = [8, 8, 1_000].map(|below| self.draw(below));
        rule(one, other, verdict + 1)
    }

    /// Adds a rule with a new id, or one of a removed rule, before another one or at the end.
    fn add(&mut self, before: Option<usize>) -> (u32, Verified) {
        let program = self.program();
        let old = self.draw(self.next_id.max(1));
        let id = if self.rules.iter().all(|&(id, _)| id != old) { old } else { self.next_id };
        self.next_id = self.next_id.max(id + 1);
        self.rules.insert(before.unwrap_or(self.rules.len()), (id, program.clone()));
        (id, program)
    }

    /// Changes the list and returns the change.
    fn change(&mut self) -> RuleChange {
        let place = self.draw(self.rules.len().max(1) as u32) as usize;
        match self.draw(8) {
            0..3 if !self.rules.is_empty() => RuleChange::Remove(self.rules.remove(place).0),
            3 if !self.rules.is_empty() => {
                // Often the same place, so that positions run out.
                let place = if self.draw(2) == 0 { place } else { 0 };
                let before = self.rules[place].0;
                let (id, program) = self.add(Some(place));
                RuleChange::Insert(id, before, program)
            }
            4 if !self.rules.is_empty() => {
                let program = self.program();
                self.rules[place].1 = program.clone();
                RuleChange::Replace(self.rules[place].0, program)
            }
            _ => {
                let (id, program) = self.add(None);
                RuleChange::Add(id, program)
            }
        }
    }

    /// Compares a set with the list.
    fn compare(&mut self, set: &FilterSet, matches: &mut Matches) {
        assert_eq!(set.len(), self.rules.len());
        let packets = [0; 3].map(|_| [self.draw(9) as u8, self.draw(9) as u8]);
        let mut ids = [None; 3];
        set.first_match_batch(&packets.each_ref().map(|packet| &packet[..]), &mut ids);
        for (packet, in_batch) in packets.iter().zip(ids) {
            let verdicts = self.rules.iter().map(|(id, program)| (*id, program.interpret(packet)));
            let (expected, verdicts): (Vec<u32>, Vec<u32>) = verdicts.filter(|&(_, verdict)| verdict != 0).unzip();
            assert_eq!(set.first_match(packet), expected.first().copied(), "{packet:?}");
            assert_eq!(in_batch, expected.first().copied(), "{packet:?} in a batch");
            set.verdicts(packet, matches);
            assert_eq!((matches.ids(), matches.verdicts()), (&expected[..], &verdicts[..]), "{packet:?}");
        }
    }
}

#[test]
fn changed_sets_agree_with_their_programs() {
    let mut matches = Matches::new();
    for (seed, count) in [(1, 0), (2, 20), (3, 200)] {
        let mut model = Model::new(seed, count);
        let mut set = model.set();
        for _ in 0..300 {
            set.update(model.change()).expect("a possible change");
            model.compare(&set, &mut matches);
        }
    }
}

/// Changes during a merge hold after it: removals, rules with the ids of removed ones, and new positions.
#[test]
fn merges_keep_changes_since_they_began() {
    let mut matches = Matches::new();
    for seed in 0..6 {
        let mut model = Model::new(seed, 60);
        let mut set = model.set();
        let mut merges: Vec<(bool, Merge)> = Vec::new();
        for number in 0..240 {
            let effect = set.change(&model.change()).expect("a possible change");
            merges.iter_mut().for_each(|(_, merge)| merge.note(&effect));
            model.compare(&set, &mut matches);
            // Two merges overlap, as in the background.
            if number % 20 == 19 {
                let other = merges.iter().find(|(is_of_all, _)| *is_of_all).map(|(_, merge)| merge);
                let merge = Merge::of_recent(&set, other);
                merges.push((false, merge));
            }
            if number % 50 == 10 {
                let other = merges.iter().find(|(is_of_all, _)| !*is_of_all).map(|(_, merge)| merge);
                let merge = Merge::of_segments(&set, other);
                merges.push((true, merge));
            }
            let is_due = |is_of_all: bool| if is_of_all { number % 50 == 40 } else { number % 20 == 10 };
            while let Some(place) = merges.iter().position(|&(is_of_all, _)| is_due(is_of_all)) {
                let (_, merge) = merges.remove(place);
                set.adopt(&merge, merge.run());
                model.compare(&set, &mut matches);
            }
        }
    }
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "there are no threads")]
fn shared_sets_agree_with_their_programs_while_rules_are_indexed() {
    let mut matches = Matches::new();
    let mut model = Model::new(9, 150);
    let shared = SharedSet::new(model.set());
    let mut reader = shared.reader();
    for number in 0..600 {
        shared.change(model.change()).expect("a possible change");
        model.compare(reader.set(), &mut matches);
        if number % 100 == 99 {
            // In the end all rules are indexed.
            let start = Instant::now();
            while reader.set().recent_len() > 0 && start.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(reader.set().recent_len(), 0);
            model.compare(reader.set(), &mut matches);
        }
    }
}
