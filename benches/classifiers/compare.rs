//! Compares the answers of all classifiers before anything is timed.

use std::io::IoSlice;

use crate::areas::tuple_of;
use crate::engine::{BATCH, Mode, Subject, Way};
use crate::rule::Rule;
use crate::traffic::Traffic;

/// The number of areas that are tested one by one, over all packets: as many packets as this allows are compared with
/// the definition of the rules, and all others with the first way.
const TESTS: usize = 200_000_000;

/// Panics if a way differs from the others, or from the rules tested one by one.
pub fn compare(family: &str, subject: &Subject, ways: &mut [Way], traffic: &Traffic) {
    let answers: Vec<Vec<Option<u32>>> = ways.iter_mut().map(|way| firsts(way, traffic)).collect();
    let sample = (TESTS / subject.areas.len()).clamp(16, traffic.frames.len());
    for (place, frame) in traffic.frames.iter().enumerate() {
        let first = answers[0][place];
        if place >= sample && answers.iter().all(|answers| answers[place] == first) {
            continue;
        }
        let matches = matches(subject.rules, frame);
        for (way, answers) in ways.iter().zip(&answers) {
            if answers[place] != matches.first().copied() {
                let [wrong, right] = [answers[place], matches.first().copied()]
                    .map(|id| id.map_or("no rule".to_owned(), |id| describe(subject.rules, id)));
                panic!("{family}, {}: {wrong} in place of {right}: {frame:02x?}", way.name);
            }
        }
        if place < sample {
            for way in &mut *ways {
                way.classify.run(&[input(way.mode, traffic, place)]);
                if let Some(all) = way.classify.all(0) {
                    assert_eq!(all, matches, "{family}, {}: {frame:02x?}", way.name);
                }
            }
        }
    }
}

/// Returns the first match of each frame.
fn firsts(way: &mut Way, traffic: &Traffic) -> Vec<Option<u32>> {
    // A way for single packets keeps all matches of the last one only.
    let step = if way.mode == Mode::All { 1 } else { BATCH };
    let mut firsts = Vec::with_capacity(traffic.frames.len());
    let inputs: Vec<IoSlice> = (0..traffic.frames.len()).map(|place| input(way.mode, traffic, place)).collect();
    for inputs in inputs.chunks(step) {
        way.classify.run(inputs);
        firsts.extend((0..inputs.len()).map(|place| way.classify.first(place)));
    }
    firsts
}

fn input(mode: Mode, traffic: &Traffic, place: usize) -> IoSlice<'_> {
    match mode {
        Mode::Given => IoSlice::new(&traffic.keys[place]),
        _ => IoSlice::new(&traffic.frames[place]),
    }
}

/// Returns the numbers of all rules that match a frame.
fn matches(rules: &[Rule], frame: &[u8]) -> Vec<u32> {
    let Some(tuple) = tuple_of(frame) else { return Vec::new() };
    (0..).zip(rules).filter(|(_, rule)| rule.contains(&tuple)).map(|(id, _)| id).collect()
}

fn describe(rules: &[Rule], id: u32) -> String {
    rules.get(id as usize).map_or(format!("no such rule, {id}"), |rule| format!("rule {id} `{}`", rule.text))
}
