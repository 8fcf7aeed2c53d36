//! Filter sets in the kernel, before and after changes of the maps of a program that is loaded.

use std::collections::BTreeMap;

use arbitrary::Unstructured;
use cbpf::ebpf::{Action, Hook, Options};
use cbpf::filter_set::{SetProgram, SetProgramError};
use cbpf::{Dialect, FilterSet, LinkType, Packet, Target, Verified, compile_expression};
use libtest_mimic::{Failed, Trial};

use super::bpf::{self, Loaded};
use super::hooks::{PLACES, Place};
use crate::engine::Engine;
use crate::random::each_program;
use crate::set::{self, Rules};

pub fn trials() -> Vec<Trial> {
    let is_absent = !PLACES[0].is_available();
    let mut trials: Vec<Trial> = PLACES
        .iter()
        .map(|place| {
            let name = format!("ebpf::sets::{}", place.name());
            Trial::test(name, || each_program(|bytes| random_set(bytes, place)))
        })
        .collect();
    trials.push(Trial::test("ebpf::sets::counters", counters));
    trials.push(Trial::test("ebpf::sets::verdicts", verdicts));
    trials.into_iter().map(|trial| trial.with_ignored_flag(is_absent)).collect()
}

/// A set in the kernel, and the same set here.
struct InKernel {
    place: Place,
    set: FilterSet,
    program: SetProgram,
    loaded: Loaded,
}

/// No rule has this id.
const NONE: u32 = u32::MAX;

impl InKernel {
    /// Returns `None` if the tables cannot hold all rules.
    fn new(place: &Place, rules: &Rules, expected: &[Verified]) -> Result<Option<InKernel>, String> {
        let set = FilterSet::new(rules.iter().cloned()).map_err(|error| error.to_string())?;
        let options = match place.hook() {
            Hook::CgroupSkb => place.options(),
            _ => place.options().on_match(Action::Rule).on_mismatch(Action::Return(-1)),
        };
        let program = match set.to_ebpf_expecting(&options, expected) {
            Err(SetProgramError::NoTable { .. }) => return Ok(None),
            program => program.map_err(|error| error.to_string())?,
        };
        let loaded = bpf::load(&place.stub(), program.program(), place.program_type())
            .map_err(|error| format!("{error}\n{}", program.program()))?;
        Ok(Some(InKernel { place: *place, set, program, loaded }))
    }

    /// Checks the first matches of packets.
    fn agrees(&self, packets: &[Vec<u8>]) -> Result<(), String> {
        for packet in packets {
            let frame = self.place.frame(&Packet::from(packet));
            if !self.place.takes_frame(&frame) {
                continue;
            }
            let first = self.set.first_match(packet);
            let expected = match self.place.hook() {
                Hook::CgroupSkb => u32::from(first.is_some()),
                _ => first.unwrap_or(NONE),
            };
            let result = self.place.run(&self.loaded, &frame, 0).map_err(|error| error.to_string())?;
            if result != expected {
                return Err(format!("{result} instead of {expected} for {packet:02x?}\n{}", self.program.program()));
            }
        }
        Ok(())
    }

    /// Makes a change here and in the kernel, if the program can take it.
    fn change(
        &mut self,
        in_program: impl Fn(&mut SetProgram) -> Result<Vec<cbpf::filter_set::MapUpdate>, SetProgramError>,
        in_set: impl Fn(&mut FilterSet) -> Result<(), cbpf::SetError>,
    ) -> Result<bool, String> {
        let updates = match in_program(&mut self.program) {
            Ok(updates) => updates,
            Err(
                SetProgramError::OtherFields { .. } | SetProgramError::NoRoom { .. } | SetProgramError::TooManyChanges,
            ) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        in_set(&mut self.set).map_err(|error| error.to_string())?;
        for update in updates {
            bpf::update(&self.loaded.maps[update.map as usize], &update.key, &update.value)
                .map_err(|error| error.to_string())?;
        }
        Ok(true)
    }
}

/// Checks a random set, and changes it.
fn random_set(bytes: &[u8], place: &Place) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let dialect = if u.arbitrary()? { Dialect::Linux } else { Dialect::Pcap };
    let (mut rules, samples) = set::rules_and_samples(&mut u, dialect)?;
    let later = rules.split_off(rules.len() - rules.len() / 4);
    let expected: Vec<Verified> = later.iter().map(|(_, program)| program.clone()).collect();
    let cuts = samples.iter().flat_map(|sample| {
        let len = sample.data.len();
        [len, len.saturating_sub(1), len / 2, len / 3, len.min(60), len.min(40)].map(|len| sample.data[..len].to_vec())
    });
    let packets: Vec<Vec<u8>> = cuts.collect();
    let Some(mut kernel) = InKernel::new(place, &rules, &expected)? else { return Ok(()) };
    kernel.agrees(&packets)?;
    for (id, program) in later {
        let place = u.choose_index(rules.len().max(1)).unwrap_or(0);
        let is_changed = match (u.int_in_range(0..=3).unwrap_or(0), rules.get(place).map(|rule| rule.0)) {
            (1, Some(before)) => {
                let insert = |set: &mut FilterSet| set.insert_before(id, before, &program);
                kernel.change(|set| set.insert_before(id, before, &program), insert)?
            }
            (2, Some(removed)) => kernel.change(|set| set.remove(removed), |set| set.remove(removed))?,
            (3, Some(replaced)) => {
                let replace = |set: &mut FilterSet| set.replace(replaced, &program);
                kernel.change(|set| set.replace(replaced, &program), replace)?
            }
            _ => kernel.change(|set| set.add(id, &program), |set| set.add(id, &program))?,
        };
        if is_changed {
            kernel.agrees(&packets)?;
            rules.retain(|rule| kernel.program.counter(rule.0).is_some());
        }
    }
    Ok(())
}

fn expression(text: &str) -> Result<Verified, Failed> {
    let target = Target::new(LinkType::ETHERNET);
    let program = compile_expression(text, &target).map_err(|error| error.to_string())?;
    Ok(program.verify(target.get_dialect()).map_err(|error| error.to_string())?)
}

/// Returns a frame from 10.0.0.`host`.
fn frame_from(host: u8) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, host, 10, 1, 0, 1]);
    frame.resize(60, 0);
    frame
}

/// Counters count first matches, also of rules that were added while the program is loaded.
fn counters() -> Result<(), Failed> {
    let rules = [(70, "src host 10.0.0.1"), (71, "src net 10.0.0.0/30"), (72, "dst host 10.0.0.9")];
    let rules: Result<Rules, Failed> = rules.into_iter().map(|(id, text)| Ok((id, expression(text)?))).collect();
    let set = FilterSet::new(rules?)?;
    let mut program = set.to_ebpf(&Options::new(Hook::Xdp).counters(true))?;
    let loaded = bpf::load(&[], program.program(), PLACES[0].program_type())?;
    let map = program.program().maps().iter().position(|map| map.name == "counters").ok_or("no counters")?;
    let run = |host: u8| loaded.run(&frame_from(host), &[]);
    let (pass, drop) = (2, 1);
    assert_eq!([run(1)?, run(2)?, run(2)?, run(8)?], [pass, pass, pass, drop]);
    for update in program.add(73, &expression("src host 10.0.0.8")?)? {
        bpf::update(&loaded.maps[update.map as usize], &update.key, &update.value)?;
    }
    for update in program.remove(71)? {
        bpf::update(&loaded.maps[update.map as usize], &update.key, &update.value)?;
    }
    assert_eq!([run(1)?, run(2)?, run(8)?], [pass, drop, pass]);

    let cpus = std::fs::read_to_string("/sys/devices/system/cpu/possible")?;
    let last: usize = cpus.trim().rsplit(['-', ',']).next().unwrap_or("0").parse()?;
    let mut counts = BTreeMap::new();
    for (counter, &id) in (0_u32..).zip(program.counter_ids()) {
        let mut values = vec![0; 8 * (last + 1)];
        bpf::lookup(&loaded.maps[map], &counter.to_ne_bytes(), &mut values)?;
        let of_cpu = values.chunks_exact(8).filter_map(|value| value.first_chunk().copied());
        counts.insert(id, of_cpu.map(u64::from_ne_bytes).sum::<u64>());
    }
    assert_eq!(counts, BTreeMap::from([(70, 2), (71, 2), (72, 0), (73, 1)]));
    Ok(())
}

/// The result may be the verdict of the first rule that matches.
fn verdicts() -> Result<(), Failed> {
    let rule = |host: u8, verdict: u32| -> Result<Verified, Failed> {
        let text = format!(
            "ldh [12]\n jne #0x800, drop\n ld [26]\n jne #{}, drop\n ret #{verdict}\n drop: ret #0",
            0x0a00_0000 | u32::from(host)
        );
        Ok(text.parse::<cbpf::Program>()?.verify(Dialect::Linux)?)
    };
    let set = FilterSet::new([(1, rule(1, 100)?), (2, rule(2, 200)?)])?;
    let options = Options::new(Hook::Socket);
    let mut program = set.to_ebpf(&options)?;
    let socket = PLACES.iter().find(|place| place.hook() == Hook::Socket).ok_or("no such hook")?;
    let loaded = bpf::load(&[], program.program(), socket.program_type())?;
    for update in program.add(3, &rule(3, 300)?)? {
        bpf::update(&loaded.maps[update.map as usize], &update.key, &update.value)?;
    }
    for (host, verdict) in [(1, 100), (2, 200), (3, 300), (4, 0)] {
        let frame = socket.frame(&Packet::from(&frame_from(host)));
        assert_eq!(socket.run(&loaded, &frame, 0)?, verdict, "10.0.0.{host}");
    }
    Ok(())
}
