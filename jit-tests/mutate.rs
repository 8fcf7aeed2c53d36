//! Random expressions in both compilers, on packets that are mutated where the programs load.
//!
//! Seeds are packets of the captures in `../shared`, if it is there, and synthetic ones. Bytes that a trace has read
//! are changed to constants of the programs, by single bits, or at random. A packet that takes a new branch becomes a
//! seed.
//!
//! If no program reads past the end of the packet, ours has the verdict of libpcap's unoptimised program; otherwise
//! that of one of libpcap's programs.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cbpf::debug::{HaltReason, Trace};
use cbpf::{Dialect, LinkType, Packet, Program, Verified};
use libtest_mimic::{Failed, Trial};

use crate::language::{self, Programs};
use crate::libpcap::{Capture, Compiler};
use crate::splitmix64::Random;

/// The number of expressions for each link type, at most, and the time limit.
const EXPRESSIONS: usize = 60;
const TIME: Duration = Duration::from_secs(5);

/// The variable with another time limit, in seconds, which also removes the limit on expressions.
const MORE: &str = "MUTATE_SECONDS";

/// The number of packets for each expression, and of those from captures.
const PACKETS: usize = 100;
const CAPTURED: usize = 12;

/// The number of packets from one capture, at most, and the length of synthetic packets, in bytes.
const OF_ONE_CAPTURE: usize = 20;
const LONGEST: usize = 1600;

/// Captured bytes, and the length on the wire, in bytes.
type Bytes = (Vec<u8>, u32);

pub fn trials() -> Vec<Trial> {
    let is_absent = Compiler::get().is_none();
    let listed = language::LINK_TYPES.iter().map(|&(name, own)| (name, own));
    // Link types that only captures have.
    let is_listed = |name: &str| language::LINK_TYPES.iter().any(|&(listed, _)| listed == name);
    let captured = captures().keys().filter_map(|link_type| link_type.name()).filter(|name| !is_listed(name));
    let trial = |(name, own): (&'static str, &'static [&'static str])| {
        // libpcap 1.10 accepts older numbers for IP and ARP on ARCNET, which 1.11 and this crate do not.
        let is_other = name.starts_with("ARCNET");
        Trial::test(format!("mutate::{name}"), move || check(name, own)).with_ignored_flag(is_absent || is_other)
    };
    let mut trials: Vec<Trial> = listed.chain(captured.map(|name| (name, &[][..]))).map(trial).collect();
    trials.push(Trial::test("mutate::captures", captures_are_read).with_ignored_flag(captures().is_empty()));
    trials
}

/// Returns the packets of the shared captures by link type; none without the folder, or without libpcap.
pub fn captures() -> &'static BTreeMap<LinkType, Vec<Bytes>> {
    static CAPTURES: OnceLock<BTreeMap<LinkType, Vec<Bytes>>> = OnceLock::new();
    CAPTURES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        let mut captures: BTreeMap<LinkType, Vec<Bytes>> = BTreeMap::new();
        for capture in paths.iter().filter_map(|path| Capture::read(path, OF_ONE_CAPTURE)) {
            captures.entry(LinkType::from_dlt(capture.dlt)).or_default().extend(capture.packets);
        }
        captures
    })
}

/// The captures contain packets of Ethernet.
fn captures_are_read() -> Result<(), Failed> {
    let count = captures().get(&LinkType::ETHERNET).map_or(0, Vec::len);
    if count > 0 { Ok(()) } else { Err("no packets of Ethernet".into()) }
}

fn check(name: &str, own: &[&str]) -> Result<(), Failed> {
    let compiler = Compiler::get().ok_or("no libpcap")?;
    let link_type: LinkType = name.parse()?;
    let mut random = Random::new(link_type.number().into());
    let more = std::env::var(MORE).ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let (expressions, time) = more.map_or((EXPRESSIONS, TIME), |time| (usize::MAX, time));
    let start = Instant::now();
    for _ in (0..expressions).take_while(|_| start.elapsed() < time) {
        let text = language::expression(own, &mut random);
        // `language` checks that the same expressions are rejected.
        if let Ok(Some(programs)) = language::compile(compiler, &text, link_type)
            && !language::is_known_defect(name, &text)
        {
            agree(&programs, link_type, &mut random).map_err(|error| format!("`{text}`: {error}"))?;
        }
    }
    Ok(())
}

/// Compares verdicts on packets of the link type, and on mutations of them.
pub fn agree(programs: &Programs, link_type: LinkType, random: &mut Random) -> Result<(), String> {
    Mutator::new(programs)?.agree(link_type, random)
}

/// The programs of one expression, and their constants.
struct Mutator {
    /// Ours, libpcap's, libpcap's optimised one, and ours optimised.
    programs: [Verified; 4],
    constants: Vec<u32>,
}

impl Mutator {
    fn new([ours, theirs, optimized]: &Programs) -> Result<Mutator, String> {
        let shorter = ours.optimize(Dialect::Pcap).map_err(|error| error.to_string())?;
        let verify = |program: &Program| program.verify(Dialect::Pcap).map_err(|error| error.to_string());
        let programs = [verify(ours)?, verify(theirs)?, verify(optimized)?, verify(&shorter)?];
        let instructions = programs.iter().flat_map(|program| program.program().instructions());
        // Jumps and arithmetic have constants.
        let mut constants: Vec<u32> =
            instructions.filter(|raw| matches!(raw.code & 7, 4 | 5)).map(|raw| raw.k).collect();
        constants.extend([0, 1]);
        constants.sort_unstable();
        constants.dedup();
        Ok(Mutator { programs, constants })
    }

    fn agree(&self, link_type: LinkType, random: &mut Random) -> Result<(), String> {
        let mut seeds = self.seeds(link_type, random);
        let given = seeds.len();
        let mut taken = HashSet::new();
        for number in 0..PACKETS {
            let packet = match seeds.get(number) {
                Some(seed) if number < given => seed.clone(),
                _ => self.mutate(&seeds[random.below(seeds.len())], random),
            };
            let traces = self.traces(&packet);
            self.judge(&packet, &traces)?;
            let branches = traces
                .iter()
                .enumerate()
                .flat_map(|(which, trace)| trace.iter().map(move |executed| (which, executed.pc, executed.next)));
            // `count` inserts all of them.
            let new = branches.filter(|&branch| taken.insert(branch)).count();
            if new > 0 && number >= given {
                seeds.push(packet);
            }
        }
        Ok(())
    }

    /// Returns two synthetic packets, and some packets of captures.
    fn seeds(&self, link_type: LinkType, random: &mut Random) -> Vec<Bytes> {
        let mut planted = vec![0; LONGEST];
        language::plant(self.programs[1].program(), &mut planted, random);
        let mut seeds = vec![(vec![0; LONGEST], LONGEST as u32), (planted, LONGEST as u32)];
        if let Some(captured) = captures().get(&link_type).filter(|captured| !captured.is_empty()) {
            seeds.extend((seeds.len()..CAPTURED).map(|_| captured[random.below(captured.len())].clone()));
        }
        seeds
    }

    fn traces<'p>(&self, packet: &'p Bytes) -> [Trace<'p>; 4] {
        self.programs.each_ref().map(|program| program.trace(Packet::new(&packet.0).with_wire_len(packet.1)))
    }

    fn judge(&self, packet: &Bytes, traces: &[Trace; 4]) -> Result<(), String> {
        let [ours, theirs, optimized, shorter] = traces.each_ref().map(Trace::verdict);
        let is_past_end = |trace: &Trace| matches!(trace.end(), Err(HaltReason::OutOfBounds { .. }));
        let is_long_enough = !traces.iter().any(is_past_end);
        if ours == shorter && (ours == theirs || !is_long_enough && ours == optimized) {
            return Ok(());
        }
        let hex: String = packet.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let [program, judge, ..] = self.programs.each_ref().map(Verified::program);
        Err(format!(
            "verdict {ours}, optimized {shorter}, libpcap's {theirs}, optimized {optimized}, on {} of {} bytes {}\n{program}\n\
             libpcap:\n{judge}",
            packet.0.len(),
            packet.1,
            hex.trim_end_matches("00"),
        ))
    }

    /// Returns the packet with changes at a few places that the programs read.
    fn mutate(&self, seed: &Bytes, random: &mut Random) -> Bytes {
        let traces = self.traces(seed);
        let reads = traces.iter().flatten().filter_map(|executed| executed.read);
        let mut places: Vec<(usize, usize)> = reads.map(|read| (read.offset, read.bytes.len())).collect();
        places.sort_unstable();
        places.dedup();
        let (mut data, mut wire_len) = seed.clone();
        for _ in 0..1 + random.below(3) {
            let constant = random.choose(&self.constants).wrapping_add(random.choose(&[0, 0, 0, 1, u32::MAX]));
            match random.below(24) {
                0 => wire_len = constant,
                1 => data.truncate(data.len() - random.below(data.len() + 1) / 2),
                2 | 3 => data.resize(LONGEST.max(data.len()), random.choose(&[0, 0x45, 0xff])),
                choice if !places.is_empty() => {
                    let (at, width) = random.choose(&places);
                    let Some(place) = data.get_mut(at..at + width) else { continue };
                    match choice {
                        4..=14 => place.copy_from_slice(&constant.to_be_bytes()[4 - width..]),
                        15..=19 => place[random.below(width)] ^= 1 << random.below(8),
                        _ => place.copy_from_slice(&random.bytes(width)),
                    }
                }
                _ => {}
            }
        }
        (data, wire_len)
    }
}
