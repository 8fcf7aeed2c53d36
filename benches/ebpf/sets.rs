//! Filter sets at the hook `xdp`.
//!
//! A line has the kind and the number of rules (those of `rules.rs`), the slots of the program, the bytes of its
//! tables, the milliseconds to compile and to load it, the nanoseconds of a packet less those of a program that only
//! returns: for packets of which a rule is the first match, and for others; and the microseconds of adding and of
//! removing a rule. The verdicts are compared with those of the set before anything is timed.

use std::time::Instant;

use cbpf::FilterSet;
use cbpf::ebpf::{Action, Hook, Options};

use crate::bpf::{self, Loaded};
use crate::{XDP, empty, rules, time};

const COUNTS: [usize; 3] = [100, 1_000, 10_000];

/// Prints the table of the sets that `is_wanted` by their kinds and numbers of rules.
pub fn run(is_wanted: impl Fn(&str) -> bool) {
    println!(
        "| rules | slots | tables (KiB) | compile (ms) | load (ms) | match (ns) | no match (ns) | add (us) | remove (us) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for kind in rules::KINDS {
        for count in COUNTS.into_iter().filter(|count| is_wanted(&format!("{kind} {count}"))) {
            match one(kind, count) {
                Ok(line) => println!("| {kind} {count} | {line} |"),
                Err(error) => {
                    let [first, last] = [error.lines().next(), error.lines().last()].map(Option::unwrap_or_default);
                    println!("| {kind} {count} | {first} {last} |");
                }
            }
        }
    }
}

fn one(kind: &str, count: usize) -> Result<String, String> {
    let rules = rules::set(kind, count);
    let set = FilterSet::new((0..).zip(rules.programs.iter().cloned())).map_err(|error| error.to_string())?;
    // The id of the first match; no rule has this one.
    let options = Options::new(Hook::Xdp).on_match(Action::Rule).on_mismatch(Action::Return(-1));
    let start = Instant::now();
    let mut program = set.to_ebpf(&options).map_err(|error| error.to_string())?;
    let compile = start.elapsed().as_secs_f64() * 1e3;
    let loading = Instant::now();
    let loaded = bpf::load(&[], program.program(), XDP)?;
    let load = loading.elapsed().as_secs_f64() * 1e3;
    agree(&loaded, &rules.packets, |packet| set.first_match(packet))?;

    let (matching, other): (Vec<&Vec<u8>>, Vec<&Vec<u8>>) =
        rules.packets.iter().partition(|packet| set.first_match(*packet).is_some());
    let [matching, other] = [matching, other].map(|packets| time(&loaded, &packets));
    let empty = empty()?;

    let mut add = f64::INFINITY;
    for id in u32::MAX - 3..u32::MAX {
        let start = Instant::now();
        let updates = program.add(id, &rules.programs[0]).map_err(|error| error.to_string())?;
        apply(&loaded, &updates)?;
        add = add.min(start.elapsed().as_secs_f64() * 1e6);
    }
    let start = Instant::now();
    apply(&loaded, &program.remove(0).map_err(|error| error.to_string())?)?;
    let remove = start.elapsed().as_secs_f64() * 1e6;
    let mut changed = set.clone();
    changed.add(u32::MAX - 3, &rules.programs[0]).map_err(|error| error.to_string())?;
    changed.remove(0).map_err(|error| error.to_string())?;
    agree(&loaded, &rules.packets, |packet| changed.first_match(packet))?;

    let tables = f64::from(program.program().maps()[0].value_size) / 1_024.0;
    let less = |time: f64| if time.is_nan() { "-".to_owned() } else { format!("{:.1}", time - empty) };
    Ok(format!(
        "{} | {tables:.0} | {compile:.1} | {load:.1} | {} | {} | {add:.0} | {remove:.0}",
        program.program().slots(),
        less(matching),
        less(other),
    ))
}

fn apply(loaded: &Loaded, updates: &[cbpf::filter_set::MapUpdate]) -> Result<(), String> {
    updates
        .iter()
        .try_for_each(|update| bpf::update(&loaded.maps[update.map as usize], &update.key, &update.value))
        .map_err(|error| error.to_string())
}

/// Checks that the program returns the first matches.
fn agree(loaded: &Loaded, packets: &[Vec<u8>], first: impl Fn(&[u8]) -> Option<u32>) -> Result<(), String> {
    for packet in packets {
        let result = loaded.run(packet, &[]).map_err(|error| error.to_string())?;
        let expected = first(packet).unwrap_or(u32::MAX);
        if result != expected {
            return Err(format!("{result} instead of {expected} for {packet:02x?}"));
        }
    }
    Ok(())
}
