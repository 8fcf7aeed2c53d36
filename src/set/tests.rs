//! Sets of rules that look for a host each, as they change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::program::Program;

/// A rule that keeps the packets that begin with this number; its verdict is the number behind it.
fn rule(number: u32) -> Verified {
    let text = format!("ld [0]\n jne #{number}, drop\n ld [4]\n ret a\n drop: ret #0");
    let program: Program = text.parse().expect("a program");
    program.verify(Dialect::Pcap).expect("a valid program")
}

fn packet(number: u32, verdict: u32) -> Vec<u8> {
    [number, verdict].map(u32::to_be_bytes).concat()
}

fn rules(count: u32) -> FilterSet {
    FilterSet::new((0..count).map(|number| (number, rule(number)))).expect("rules with ids of their own")
}

#[test]
fn a_rule_is_found_among_many() {
    let set = rules(1_000);
    let mut matches = Matches::new();
    for number in 0..1_100 {
        let expected = (number < 1_000).then_some(number);
        assert_eq!(set.first_match(&packet(number, 7)), expected);
        assert_eq!(set.first_match(&packet(number, 0)), None, "verdict 0");
        assert_eq!(set.first_match(&packet(number, 7)[..7]), None, "truncated");
        set.verdicts(&packet(number, 7), &mut matches);
        assert_eq!(matches.ids(), expected.as_slice());
        assert_eq!(matches.verdicts().first(), expected.map(|_| &7));
    }
}

#[test]
fn interpreted_tables_say_what_code_does() {
    let set = rules(300);
    let index = set.parts[0].index();
    let (mut by_code, mut by_interpretation) = (Vec::new(), Vec::new());
    for number in 0..310 {
        for len in [8, 7, 3, 0] {
            let packet = &packet(number, 1)[..len];
            let packet = Packet::new(packet);
            let first = index.first_by_interpretation(&packet, &|_| true);
            assert_eq!(Some(first).filter(|&rank| rank < 300), index.first(&packet, |_| true));
            let count = index.entries(&packet, &mut by_code);
            let other = index.entries_by_interpretation(&packet, &mut by_interpretation);
            assert_eq!(by_code[..count], by_interpretation[..other]);
        }
    }
}

#[test]
fn changes_are_seen_and_keep_the_order() {
    let mut set = rules(100);
    for number in 0..100 {
        set.add(1_000 + number, &rule(number)).expect("a new id");
    }
    let mut matches = Matches::new();
    set.matches(&packet(5, 1), &mut matches);
    assert_eq!(matches.ids(), [5, 1_005]);
    set.remove(5).expect("it is there");
    assert_eq!(set.first_match(&packet(5, 1)), Some(1_005));
    // Rule 7 stays in front of rule 1,005 when it becomes the same.
    set.replace(7, &rule(5)).expect("it is there");
    set.matches(&packet(5, 1), &mut matches);
    assert_eq!(matches.ids(), [7, 1_005]);
    assert_eq!(set.first_match(&packet(7, 1)), Some(1_007));
    assert_eq!(set.remove(5), Err(SetError::UnknownId(5)));
    assert_eq!(set.add(7, &rule(7)), Err(SetError::TakenId(7)));
    assert_eq!(set.len(), 199);
}

#[test]
fn rules_come_between_others() {
    let mut set = rules(3);
    // More at one place than there are gaps for.
    for id in 10..70 {
        set.insert_before(id, 2, &rule(1)).expect("a new id");
    }
    set.insert_before(70, 0, &rule(1)).expect("a new id");
    let mut matches = Matches::new();
    set.matches(&packet(1, 1), &mut matches);
    assert_eq!(matches.ids(), [&[70, 1][..], &(10..70).collect::<Vec<u32>>()].concat());
    assert_eq!(set.insert_before(80, 5, &rule(1)), Err(SetError::UnknownId(5)));
    assert_eq!(set.insert_before(70, 0, &rule(1)), Err(SetError::TakenId(70)));
    assert_eq!(set.len(), 64);
}

#[test]
fn all_rules_may_go() {
    let mut set = rules(3);
    (0..3).for_each(|id| set.remove(id).expect("it is there"));
    assert!(set.is_empty());
    assert_eq!(set.first_match(&packet(1, 1)), None);
    set.add(1, &rule(1)).expect("a new id");
    assert_eq!(set.first_match(&packet(1, 1)), Some(1));
}

#[test]
fn programs_of_other_dialects_are_refused() {
    let mut set = rules(2);
    let other = rule(1).program().verify(Dialect::Linux).expect("a valid program");
    let error = set.add(9, &other).unwrap_err();
    assert_eq!(error, SetError::OtherDialect { id: 9, dialect: Dialect::Linux, expected: Dialect::Pcap });
    assert!(FilterSet::new([(1, other), (2, rule(1))]).is_err());
}

/// While one thread asks, so many rules come that all are indexed anew, more than once.
#[test]
fn readers_see_changes_while_rules_are_indexed_anew() {
    let shared = SharedSet::new(rules(100));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut reader = shared.reader();
        let is_over = &is_over;
        let seen = scope.spawn(move || {
            let mut seen = 0;
            while !is_over.load(Ordering::Relaxed) {
                let set = reader.set();
                assert_eq!(set.first_match(&packet(99, 1)), Some(99), "it was always there");
                seen += usize::from(set.first_match(&packet(200, 1)).is_some());
            }
            assert_eq!(reader.set().first_match(&packet(259, 1)), Some(259));
            seen
        });
        for number in 100..260 {
            shared.add(number, &rule(number)).expect("a new id");
        }
        let mut reader = shared.reader();
        (100..260).for_each(|number| assert_eq!(reader.set().first_match(&packet(number, 1)), Some(number)));
        is_over.store(true, Ordering::Relaxed);
        assert!(seen.join().is_ok());
    });
}
