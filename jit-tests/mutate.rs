//! Random expressions, ours against libpcap's, on packets that are mutated where the two programs look.
//!
//! Packets of captures, in a folder beside the project if there is one, and synthetic ones are the seeds. What a trace says
//! was read is changed: to constants of the programs, by single bits, or at random. A packet that takes a branch which none
//! took before is a seed, too.
//!
//! Where neither a program of ours nor one of libpcap's reaches past the end of the packet, ours has the verdict of
//! libpcap's unoptimised code; else that of one of libpcap's codes.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cbpf::{Dialect, HaltReason, LinkType, Packet, Program, Trace, Verified, compile_expression};
use libtest_mimic::{Failed, Trial};

use crate::language;
use crate::libpcap::{Capture, Compiler};
use crate::random::xorshift;

/// How many expressions are tried for each link type, and how long at most.
const EXPRESSIONS: usize = 60;
const TIME: Duration = Duration::from_secs(5);

/// Seconds for each link type, instead: as many expressions as there is time for.
const MORE: &str = "MUTATE_SECONDS";

/// How many packets each expression is tried with, and how many of them are of captures.
const PACKETS: usize = 100;
const CAPTURED: usize = 12;

/// How many packets of one capture there are at most; and how many of their bytes.
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
        // libpcap 1.10 takes older numbers for IP and ARP on ARCNET as well, 1.11 and ours do not.
        let is_other = name.starts_with("ARCNET");
        Trial::test(format!("mutate::{name}"), move || check(name, own)).with_ignored_flag(is_absent || is_other)
    };
    let mut trials: Vec<Trial> = listed.chain(captured.map(|name| (name, &[][..]))).map(trial).collect();
    trials.push(Trial::test("mutate::captures", captures_are_read).with_ignored_flag(captures().is_empty()));
    trials
}

/// Packets of the shared captures by link type; none without the folder, or without libpcap.
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

/// The folder is there, and so are packets of Ethernet.
fn captures_are_read() -> Result<(), Failed> {
    let count = captures().get(&LinkType::ETHERNET).map_or(0, Vec::len);
    if count > 0 { Ok(()) } else { Err("no packets of Ethernet".into()) }
}

fn check(name: &str, own: &[&str]) -> Result<(), Failed> {
    let compiler = Compiler::get().ok_or("no libpcap")?;
    let link_type: LinkType = name.parse()?;
    let target = language::target(link_type);
    let mut state = 0x6d75_7461 ^ u64::from(link_type.number());
    let more = std::env::var(MORE).ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let (expressions, time) = more.map_or((EXPRESSIONS, TIME), |time| (usize::MAX, time));
    let start = Instant::now();
    for _ in (0..expressions).take_while(|_| start.elapsed() < time) {
        let text = language::expression(own, &mut state);
        let theirs = [false, true].map(|optimize| compiler.compile(&text, link_type.dlt(), optimize));
        // That the same ones are refused is for `language`.
        if let (Ok(ours), [Ok(theirs), Ok(optimized)]) = (compile_expression(&text, &target), theirs)
            && !language::is_known_defect(name, &text)
        {
            let programs = Programs::new(&ours, &theirs, &optimized)?;
            programs.agree(link_type, &mut state).map_err(|error| format!("`{text}`: {error}"))?;
        }
    }
    Ok(())
}

/// The programs of one expression, and what has been seen of them.
pub struct Programs {
    /// Ours, libpcap's, libpcap's optimised, and ours optimised.
    programs: [Verified; 4],
    /// Constants of all of them.
    constants: Vec<u32>,
}

impl Programs {
    /// # Errors
    /// If one of them does not verify, as those of libpcap that loop.
    pub fn new(ours: &Program, theirs: &Program, optimized: &Program) -> Result<Programs, Failed> {
        let shorter = ours.optimize(Dialect::Pcap)?;
        let verify = |program: &Program| program.verify(Dialect::Pcap);
        let programs = [verify(ours)?, verify(theirs)?, verify(optimized)?, verify(&shorter)?];
        let instructions = programs.iter().flat_map(|program| program.program().instructions());
        // Of jumps and of arithmetic.
        let mut constants: Vec<u32> =
            instructions.filter(|raw| matches!(raw.code & 7, 4 | 5)).map(|raw| raw.k).collect();
        constants.extend([0, 1]);
        constants.sort_unstable();
        constants.dedup();
        Ok(Programs { programs, constants })
    }

    /// Compares verdicts on packets of the link type, and on what they are mutated to.
    pub fn agree(&self, link_type: LinkType, state: &mut u64) -> Result<(), String> {
        let mut seeds = self.seeds(link_type, state);
        let given = seeds.len();
        let mut taken = HashSet::new();
        for number in 0..PACKETS {
            let packet = match seeds.get(number) {
                Some(seed) if number < given => seed.clone(),
                _ => self.mutate(&seeds[(xorshift(state) >> 16) as usize % seeds.len()], state),
            };
            let traces = self.traces(&packet);
            self.judge(&packet, &traces)?;
            let branches = traces
                .iter()
                .enumerate()
                .flat_map(|(which, trace)| trace.iter().map(move |executed| (which, executed.pc, executed.next)));
            // All of them are inserted.
            let new = branches.filter(|&branch| taken.insert(branch)).count();
            if new > 0 && number >= given {
                seeds.push(packet);
            }
        }
        Ok(())
    }

    /// Some packets of captures, and two that are not.
    fn seeds(&self, link_type: LinkType, state: &mut u64) -> Vec<Bytes> {
        let mut planted = vec![0; LONGEST];
        language::plant(self.programs[1].program(), &mut planted, state);
        let mut seeds = vec![(vec![0; LONGEST], LONGEST as u32), (planted, LONGEST as u32)];
        if let Some(captured) = captures().get(&link_type).filter(|captured| !captured.is_empty()) {
            let mut any = || captured[(xorshift(state) >> 16) as usize % captured.len()].clone();
            seeds.extend((seeds.len()..CAPTURED).map(|_| any()));
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

    /// Another packet: changed at a few places that the programs read.
    fn mutate(&self, seed: &Bytes, state: &mut u64) -> Bytes {
        let traces = self.traces(seed);
        let reads = traces.iter().flatten().filter_map(|executed| executed.read);
        let mut places: Vec<(usize, usize)> = reads.map(|read| (read.offset, read.bytes.len())).collect();
        places.sort_unstable();
        places.dedup();
        let mut below = |limit: usize| (xorshift(state) >> 16) as usize % limit;
        let (mut data, mut wire_len) = seed.clone();
        for _ in 0..1 + below(3) {
            let constant = self.constants[below(self.constants.len())].wrapping_add([0, 0, 0, 1, u32::MAX][below(5)]);
            match below(24) {
                0 => wire_len = constant,
                1 => data.truncate(data.len() - below(data.len() + 1) / 2),
                // What is too short goes on.
                2 | 3 => data.resize(LONGEST.max(data.len()), [0, 0x45, 0xff][below(3)]),
                choice if !places.is_empty() => {
                    let (at, width) = places[below(places.len())];
                    let Some(place) = data.get_mut(at..at + width) else { continue };
                    match choice {
                        4..=14 => place.copy_from_slice(&constant.to_be_bytes()[4 - width..]),
                        15..=19 => place[below(width)] ^= 1 << below(8),
                        _ => place.fill_with(|| below(256) as u8),
                    }
                }
                _ => {}
            }
        }
        (data, wire_len)
    }
}
