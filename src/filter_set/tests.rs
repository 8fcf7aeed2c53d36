//! Sets against their programs, their interpreted tables, and loops; and sets that change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::bpf::program::Program;
use crate::classifier::fallback::FallbackReason;
use crate::classifier::table_entry::mark;
use crate::classifier::work_counter;
use crate::filter_set::merge::Merge;
use crate::filter_set::rule_index::RuleIndex;

/// Returns a program that matches packets that begin with this number. Its verdict is the next number.
fn rule(number: u32) -> Verified {
    let text = format!("ld [0]\n jne #{number}, drop\n ld [4]\n ret a\n drop: ret #0");
    let program: Program = text.parse().expect("a program");
    program.verify(Dialect::Pcap).expect("a valid program")
}

/// Returns a program that returns 1 if it does not jump to `drop`.
fn verified(text: &str) -> Verified {
    let program: Program = format!("{text} ret #1\n drop: ret #0").parse().expect("a program");
    program.verify(Dialect::Pcap).expect("a valid program")
}

fn packet(number: u32, verdict: u32) -> Vec<u8> {
    [number, verdict].map(u32::to_be_bytes).concat()
}

fn rules(count: u32) -> FilterSet {
    FilterSet::new((0..count).map(|number| (number, rule(number)))).expect("rules with ids of their own")
}

#[test]
fn finds_one_rule_among_many() {
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

/// Returns the first match without native code of the tables.
fn first_by_interpretation(index: &RuleIndex, packet: &Packet) -> Option<Rank> {
    let of_head = index.first_in_prefix(packet).map(|rank| rank as Rank);
    of_head.or_else(|| index.first_by_interpretation(packet, Rank::MAX, |_| true))
}

#[test]
fn interpreted_tables_agree_with_native_code() {
    let set = rules(300);
    let index = set.segments[0].index();
    let (mut by_code, mut by_interpretation) = (Vec::new(), Vec::new());
    for number in 0..310 {
        for len in [8, 7, 3, 0] {
            let packet = &packet(number, 1)[..len];
            let packet = Packet::new(packet);
            assert_eq!(first_by_interpretation(index, &packet), index.first(&packet, 300, |_| true));
            let count = index.entries(&packet, &mut by_code);
            let other = index.entries_by_interpretation(&packet, &mut by_interpretation);
            assert_eq!(by_code[..count], by_interpretation[..other]);
        }
    }
}

/// Returns a function that draws numbers below a limit.
fn random_numbers(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut drawn = 0;
    move |below| {
        drawn += 1;
        crate::packet::random::number(seed, drawn) % below
    }
}

/// Returns a conjunction of `count` alternatives: either of two bytes is a number.
fn alternatives(count: u32, draw: &mut dyn FnMut(u32) -> u32) -> String {
    (0..count).fold(String::new(), |text, place| {
        let [one, other] = [draw(12), draw(12)];
        let [here, there] = [draw(3), draw(3)];
        let on = format!("o{}x{place}", draw(1 << 30));
        format!("{text} ldb [{one}]\n jeq #{here}, {on}\n ldb [{other}]\n jgt #{there}, drop\n {on}:\n")
    })
}

/// Returns a test that at least half of `count` bytes are 0.
fn votes(count: u32, draw: &mut dyn FnMut(u32) -> u32) -> String {
    let mut text = "ld #0\n st M[0]\n".to_owned();
    for place in 0..count {
        text += &format!("ldb [{}]\n jne #0, n{place}\n ld M[0]\n add #1\n st M[0]\n n{place}:\n", draw(12));
    }
    format!("{text} ld M[0]\n jlt #{}, drop\n", count / 2)
}

/// Returns a test that at least half of the first eight bytes are 0, each counted twice.
fn votes_on_eight() -> String {
    let mut place = 0;
    votes(16, &mut |_| {
        place += 1;
        place % 8
    })
}

/// Returns tests, two or three, that either of two numbers lies in a range; the ranges overlap.
fn overlapping(draw: &mut dyn FnMut(u32) -> u32) -> String {
    let start = draw(30_000);
    (0..2 + draw(2)).fold(String::new(), |text, place| {
        let (low, high) = (start + 300 * place, start + 300 * place + 20_000);
        let tag = draw(1 << 30);
        let [next, on] = ["n", "p"].map(|name| format!("{name}{tag}x{place}"));
        format!(
            "{text} ldh [2]\n jlt #{low}, {next}\n jgt #{high}, {next}, {on}\n
             {next}: ldh [6]\n jlt #{low}, drop\n jgt #{high}, drop\n {on}:\n"
        )
    })
}

/// Returns tests that two bytes are each one of many numbers.
fn lists(draw: &mut dyn FnMut(u32) -> u32) -> String {
    (0..2).fold(String::new(), |text, place| {
        let on = format!("l{}x{place}", draw(1 << 30));
        let numbers = (0..15).map(|number| format!("jeq #{}, {on}\n", 2 * number + draw(2))).collect::<String>();
        format!("{text} ldb [{}]\n {numbers} jmp drop\n {on}:\n", draw(12))
    })
}

/// Returns random rules with prefixes, ranges, lists of numbers, computed offsets and verdicts. They use few different
/// numbers.
fn any_rules(count: u32, draw: &mut impl FnMut(u32) -> u32) -> Vec<Verified> {
    let rule = |draw: &mut dyn FnMut(u32) -> u32| {
        let mut text = String::new();
        for _ in 0..=draw(3) {
            text += &match draw(12) {
                0 => format!("ld [0]\n jne #{}, drop\n", draw(40)),
                1 => format!("ld [4]\n and #0xffffff00\n jne #{}, drop\n", draw(40) << 8),
                2 => format!("ldh [{}]\n jlt #{}, drop\n jgt #{}, drop\n", 2 * draw(4), draw(200), draw(65_536)),
                3 => "ldb [8]\n jeq #6, on\n jeq #17, on\n jne #132, drop\n on:\n"
                    .replace("on", &format!("o{}", text.len())),
                4 => format!("ldxb 4*([9]&0xf)\n ldh [x + 10]\n jne #{}, drop\n", draw(4)),
                5 => format!("ldb [8]\n jeq #{}, drop\n", draw(20)),
                6 => {
                    let count = 2 + draw(16);
                    alternatives(count, draw)
                }
                7 if text.is_empty() => votes(16, draw),
                8 => overlapping(draw),
                9 => lists(draw),
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
fn interpreted_tables_agree_with_native_code_on_random_rules() {
    for seed in 0..40 {
        let mut draw = random_numbers(seed);
        let count = [3, 12, 30, 60, 300][seed as usize % 5];
        let index = RuleIndex::new(any_rules(count, &mut draw).into_iter().collect());
        let (mut by_code, mut by_interpretation) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            let data: Vec<u8> =
                (0..draw(50)).map(|at| [0, 0, 0, 6, 17, 40][draw(6) as usize] * u8::from(at != 9)).collect();
            let packet = Packet::new(&data).with_wire_len(60);
            let first = index.first(&packet, count, |_| true);
            assert_eq!(first, first_by_interpretation(&index, &packet), "{data:?} of set {seed}");
            let expected = (0..count as usize).find(|&rank| index.programs.get(rank).interpret(packet) != 0);
            assert_eq!(first, expected.map(|rank| rank as Rank), "{data:?} of set {seed}");
            let sizes = [
                index.entries(&packet, &mut by_code),
                index.entries_by_interpretation(&packet, &mut by_interpretation),
            ];
            let [mut code, mut interpretation] =
                [&by_code[..sizes[0]], &by_interpretation[..sizes[1]]].map(<[u64]>::to_vec);
            // The last entry of a chain is marked; a single entry need not be.
            let unmarked = |word: &mut u64| *word &= !u64::from(mark::LAST);
            code.iter_mut().chain(&mut interpretation).for_each(unmarked);
            // A block may have its last entry more than once, and inline terms are in no block.
            for words in [&mut code, &mut interpretation] {
                words.sort_unstable();
                words.dedup();
            }
            assert_eq!(code, interpretation, "{data:?} of set {seed}");
        }
    }
}

/// For no packet a set runs more rules than a loop over them, or looks at many more entries than there are rules.
#[test]
fn work_is_bounded_by_that_of_a_loop() {
    for seed in 100..160 {
        let mut draw = random_numbers(seed);
        let count = [20, 100, 400][seed as usize % 3];
        let index = RuleIndex::new(any_rules(count, &mut draw).into_iter().collect());
        let looks = 16 * index.tables.list.len();
        let mut words = Vec::new();
        for _ in 0..40 {
            let data: Vec<u8> = (0..draw(50)).map(|_| [0, 0, 1, 2, 6, 17, 40, 200][draw(8) as usize]).collect();
            let packet = Packet::new(&data).with_wire_len(60);
            work_counter::take();
            let first = first_by_interpretation(&index, &packet);
            let done = work_counter::take();
            let in_loop = first.map_or(count, |rank| rank + 1) as usize;
            assert!(done.rules <= in_loop, "{done:?}, {in_loop} in a loop, of set {seed}");
            assert!(done.entries <= looks + 8 * in_loop, "{done:?}, {in_loop} in a loop, of set {seed}");
            assert_eq!(first, index.first(&packet, count, |_| true), "{data:?} of set {seed}");
            assert!(work_counter::take().rules <= in_loop, "{in_loop} in a loop, by code, of set {seed}");
            index.entries_by_interpretation(&packet, &mut words);
            let done = work_counter::take();
            assert!(done.entries <= looks + 8 * count as usize, "{done:?} of set {seed}");
        }
    }
}

/// Large rules do not push other rules out of the tables.
#[test]
fn large_rules_leave_others_in_tables() {
    let mut draw = random_numbers(7);
    for (large, is_alone) in [("votes", true), ("alternatives", false)] {
        let large = (0..100)
            .map(|_| verified(&if large == "votes" { votes(16, &mut draw) } else { alternatives(16, &mut draw) }));
        let rules = large.chain((0..400).map(rule));
        let report = FilterSet::new((0..).zip(rules)).expect("rules with ids of their own").report();
        let alone = if is_alone { (0..100).map(|id| (id, FallbackReason::Paths)).collect() } else { Vec::new() };
        assert_eq!((report.rules, report.indexed, report.fallbacks), (500, 500 - alone.len(), alone));
    }
}

#[test]
fn report_reflects_changes() {
    let mut set = rules(100);
    let votes = verified(&votes_on_eight());
    set.insert_before(500, 20, &votes).expect("a new id");
    set.add(501, &"ret #0".parse::<Program>().expect("a program").verify(Dialect::Pcap).expect("valid")).expect("new");
    set.add(502, &votes).expect("a new id");
    assert_eq!((set.report().rules, set.report().indexed, set.report().recent), (103, 100, 3));
    assert!(set.report().to_string().ends_with(", 3 are not indexed yet"), "{}", set.report());
    set.adopt(&Merge::of_recent(&set, None), Merge::of_recent(&set, None).run());
    let report = set.report();
    assert_eq!((report.rules, report.indexed, &report.never_match), (103, 101, &vec![501]));
    assert!(report.fallbacks.iter().map(|(id, _)| *id).eq([500, 502]));
    assert!(report.to_string().contains("2 run for every packet (500, 502), 1 match no packet (501)"), "{report}");
    set.remove(500).expect("it is there");
    set.remove(501).expect("it is there");
    let report = set.report();
    assert_eq!((report.rules, report.indexed, report.fallbacks.len(), report.never_match.len()), (101, 100, 1, 0));
}

/// Added rules run only for packets that no earlier rule matches.
#[test]
fn later_segments_run_rules_only_if_they_may_be_first() {
    let mut set = rules(200);
    let votes = verified(&votes_on_eight());
    (1_000..1_060).for_each(|id| set.add(id, &votes).expect("a new id"));
    work_counter::take();
    assert_eq!(set.first_match(&packet(5, 1)), Some(5));
    assert!(work_counter::take().rules <= 6);
    assert_eq!(set.first_match(&packet(500, 1)), Some(1_000));
}

#[test]
fn changes_keep_the_order() {
    let mut set = rules(100);
    for number in 0..100 {
        set.add(1_000 + number, &rule(number)).expect("a new id");
    }
    let mut matches = Matches::new();
    set.matches(&packet(5, 1), &mut matches);
    assert_eq!(matches.ids(), [5, 1_005]);
    set.remove(5).expect("it is there");
    assert_eq!(set.first_match(&packet(5, 1)), Some(1_005));
    // Rule 7 stays before rule 1,005 when it gets the same program.
    set.replace(7, &rule(5)).expect("it is there");
    set.matches(&packet(5, 1), &mut matches);
    assert_eq!(matches.ids(), [7, 1_005]);
    assert_eq!(set.first_match(&packet(7, 1)), Some(1_007));
    assert!(matches!(set.remove(5), Err(SetError::UnknownId(5))));
    assert!(matches!(set.add(7, &rule(7)), Err(SetError::DuplicateId(7))));
    assert_eq!(set.len(), 199);
}

#[test]
fn inserts_rules_between_others() {
    let mut set = rules(3);
    // More rules at one place than the gap has room for.
    for id in 10..70 {
        set.insert_before(id, 2, &rule(1)).expect("a new id");
    }
    set.insert_before(70, 0, &rule(1)).expect("a new id");
    let mut matches = Matches::new();
    set.matches(&packet(1, 1), &mut matches);
    assert_eq!(matches.ids(), [&[70, 1][..], &(10..70).collect::<Vec<u32>>()].concat());
    assert!(matches!(set.insert_before(80, 5, &rule(1)), Err(SetError::UnknownId(5))));
    assert!(matches!(set.insert_before(70, 0, &rule(1)), Err(SetError::DuplicateId(70))));
    assert_eq!(set.len(), 64);
}

#[test]
fn removes_all_rules() {
    let mut set = rules(3);
    (0..3).for_each(|id| set.remove(id).expect("it is there"));
    assert!(set.is_empty());
    assert_eq!(set.first_match(&packet(1, 1)), None);
    set.add(1, &rule(1)).expect("a new id");
    assert_eq!(set.first_match(&packet(1, 1)), Some(1));
}

#[test]
fn rejects_programs_of_other_dialects() {
    let mut set = rules(2);
    let other = rule(1).program().verify(Dialect::Linux).expect("a valid program");
    let error = set.add(9, &other).unwrap_err();
    assert!(matches!(error, SetError::DialectMismatch { id: 9, dialect: Dialect::Linux, expected: Dialect::Pcap }));
    assert!(FilterSet::new([(1, other), (2, rule(1))]).is_err());
}

/// So many rules are added that all are indexed anew, on systems without threads as well.
#[test]
fn shared_sets_see_all_changes() {
    let shared = SharedSet::new(rules(100));
    for number in 100..260 {
        shared.add(number, &rule(number)).expect("a new id");
    }
    let mut reader = shared.reader();
    (0..260).for_each(|number| assert_eq!(reader.set().first_match(&packet(number, 1)), Some(number)));
    assert!(cfg!(not(target_family = "wasm")) || !Merge::of_segments(reader.set(), None).is_due());
}

/// While one thread reads, so many rules are added that all are indexed anew, more than once.
#[test]
#[cfg_attr(target_family = "wasm", ignore = "there are no threads")]
fn readers_see_changes_during_indexing() {
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

#[test]
fn engine_and_required_native_code_agree() {
    let rules = || (0..100).map(|number| (number, rule(number)));
    match FilterSetConfig::new().require_native(true).build(rules()) {
        Ok(set) => {
            assert!(matches!(set.engine(), Engine::Native));
            assert!(set.is_match(&packet(5, 1)) && !set.is_match(&packet(100, 1)));
        }
        Err(error) => {
            assert!(matches!(error, SetError::Compile(_)), "{error}");
            assert!(matches!(super::FilterSet::new(rules()).expect("a set").engine(), Engine::Interpreter { .. }));
        }
    }
}

#[test]
fn sets_can_be_sent_and_shared() {
    fn is_shareable<T: Send + Sync + Clone + std::fmt::Debug>() {}
    is_shareable::<FilterSet>();
    is_shareable::<SharedSet>();
}
