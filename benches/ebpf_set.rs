//! Filter sets at the hook `xdp`: the time of the first match in the kernel (`BPF_PROG_TEST_RUN`, as root).
//!
//! A line has the kind and the number of rules (those of `rules.rs`), the slots of the program, the bytes of its tables,
//! the milliseconds to compile and to load it, the nanoseconds of a packet less those of a program that only returns:
//! for packets of which a rule is the first match, and for others; and the microseconds of adding and of removing a
//! rule. The verdicts are compared with those of the set before anything is timed.
//!
//! `cargo bench --bench ebpf_set -- KIND COUNT` measures one set.

#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "benches use a part of it")]
mod areas;
#[cfg(target_os = "linux")]
#[path = "../jit-tests/ebpf/bpf.rs"]
#[expect(dead_code, reason = "benches use a part of it")]
mod bpf;
#[cfg(target_os = "linux")]
mod class_bench;
#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "benches use a part of it")]
mod packets;
#[cfg(target_os = "linux")]
#[path = "../jit-tests/splitmix64.rs"]
mod random;
#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "benches use a part of it")]
mod rules;

#[cfg(target_os = "linux")]
mod measure {
    use std::time::Instant;

    use cbpf::FilterSet;
    use cbpf::ebpf::{Action, Hook, Options, Program};

    use crate::bpf::{self, Loaded};
    use crate::rules;

    const XDP: u32 = 6;
    const COUNTS: [usize; 3] = [100, 1_000, 10_000];

    /// The packets that are timed, the runs of one, and the times that this is tried.
    const PACKETS: usize = 32;
    const REPEAT: u32 = 20_000;
    const TRIALS: usize = 5;

    pub fn run() {
        let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        if arguments.is_empty() && !std::env::args().any(|argument| argument == "--bench") {
            return;
        }
        let is_wanted = |place: usize, text: &str| arguments.get(place).is_none_or(|wanted| wanted == text);
        println!(
            "| rules | slots | tables (KiB) | compile (ms) | load (ms) | match (ns) | no match (ns) | add (us) | remove (us) |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for kind in rules::KINDS.iter().filter(|kind| is_wanted(0, kind)) {
            for count in COUNTS.iter().filter(|count| is_wanted(1, &count.to_string())) {
                match one(kind, *count) {
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
        let empty = empty(program.program())?;

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

    /// Returns the mean time of some packets.
    fn time(loaded: &Loaded, packets: &[&Vec<u8>]) -> f64 {
        let packets = &packets[..packets.len().min(PACKETS)];
        let of_packet = |packet: &&Vec<u8>| {
            let runs = (0..TRIALS).filter_map(|_| loaded.run_often(packet, &[], REPEAT).ok());
            runs.map(|(_, nanoseconds)| f64::from(nanoseconds)).fold(f64::INFINITY, f64::min)
        };
        packets.iter().map(of_packet).sum::<f64>() / packets.len() as f64
    }

    /// Returns the time of a program that only returns.
    fn empty(like: &Program) -> Result<f64, String> {
        let program: cbpf::Program = "ret #0".parse().map_err(|error| format!("{error}"))?;
        let verified = program.verify(cbpf::Dialect::Linux).map_err(|error| error.to_string())?;
        let program = Options::new(like.hook()).compile(&verified).map_err(|error| error.to_string())?;
        let loaded = bpf::load(&[], &program, XDP)?;
        Ok(time(&loaded, &[&vec![0; 60]]))
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    measure::run();
}
