//! Sets of rules that look for a host each, as they change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::program::Program;
use crate::set::entry::mark;
use crate::set::index::Index;

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

/// Rules of many shapes: prefixes, ranges, one of several numbers, computed places and verdicts, with few different numbers.
fn any_rules(count: u32, draw: &mut impl FnMut(u32) -> u32) -> Vec<Verified> {
    let rule = |draw: &mut dyn FnMut(u32) -> u32| {
        let mut text = String::new();
        for _ in 0..=draw(3) {
            text += &match draw(7) {
                0 => format!("ld [0]\n jne #{}, drop\n", draw(40)),
                1 => format!("ld [4]\n and #0xffffff00\n jne #{}, drop\n", draw(40) << 8),
                2 => format!("ldh [{}]\n jlt #{}, drop\n jgt #{}, drop\n", 2 * draw(4), draw(200), draw(65_536)),
                3 => "ldb [8]\n jeq #6, on\n jeq #17, on\n jne #132, drop\n on:\n"
                    .replace("on", &format!("o{}", text.len())),
                4 => format!("ldxb 4*([9]&0xf)\n ldh [x + 10]\n jne #{}, drop\n", draw(4)),
                5 => format!("ldb [8]\n jeq #{}, drop\n", draw(20)),
                _ => format!("ld #len\n jgt #{}, drop\n", 20 + draw(60)),
            };
        }
        let end = if draw(8) == 0 { "ldb [1]\n ret a".to_owned() } else { format!("ret #{}", 1 + draw(2)) };
        let program: Program = format!("{text} {end}\n drop: ret #0").parse().expect("a program");
        program.verify(Dialect::Pcap).expect("a valid program")
    };
    (0..count).map(|_| rule(draw)).collect()
}

#[test]
fn interpreted_tables_say_what_code_does_for_rules_of_many_shapes() {
    for seed in 0..40 {
        let mut drawn = 0;
        let mut draw = |below: u32| {
            drawn += 1;
            crate::random::number(seed, drawn) % below
        };
        let count = [3, 12, 30, 60, 300][seed as usize % 5];
        let index = Index::new(any_rules(count, &mut draw));
        let (mut by_code, mut by_interpretation) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            let data: Vec<u8> =
                (0..draw(50)).map(|at| [0, 0, 0, 6, 17, 40][draw(6) as usize] * u8::from(at != 9)).collect();
            let packet = Packet::new(&data).with_wire_len(60);
            let first = index.first_by_interpretation(&packet, &|_| true);
            let alone = index.alone.iter().copied().find(|&rank| index.programs[rank as usize].run(&packet) != 0);
            let first = Some(first).filter(|&rank| rank < count).into_iter().chain(alone).min();
            assert_eq!(first, index.first(&packet, |_| true), "{data:?} of set {seed}");
            let expected = index.programs.iter().position(|program| program.verified.interpret(packet) != 0);
            assert_eq!(first, expected.map(|rank| rank as Rank), "{data:?} of set {seed}");
            let sizes = [
                index.entries(&packet, &mut by_code),
                index.entries_by_interpretation(&packet, &mut by_interpretation),
            ];
            let [mut code, mut interpretation] =
                [&by_code[..sizes[0]], &by_interpretation[..sizes[1]]].map(<[u64]>::to_vec);
            // A last entry is marked, and one without a chain need not be.
            let unmarked = |word: &mut u64| *word &= !u64::from(mark::LAST);
            code.iter_mut().chain(&mut interpretation).for_each(unmarked);
            code.sort_unstable();
            interpretation.sort_unstable();
            assert_eq!(code, interpretation, "{data:?} of set {seed}");
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
