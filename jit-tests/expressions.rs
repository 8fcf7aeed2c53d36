//! libpcap's own test expressions and their programs, from `../shared`, if it is there: our programs have the same
//! verdicts, and our optimiser is about as good as libpcap's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cbpf::prove::{self, Proof};
use cbpf::source::Language;
use cbpf::text::Form;
use cbpf::{Context, Dialect, Instruction, LinkType, Packet, Program, Target, compile_expression};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::case::Sample;
use crate::engine::Engine;
use crate::language::Programs;
use crate::splitmix64::Random;
use crate::{mutate, oracle, random, source};

/// The number of packets for each program.
const PACKETS: usize = 100;

/// The length of packets before they are cut, in bytes.
const LONGEST: usize = 200;

/// The time limit of the trial with mutated packets.
const TIME: Duration = Duration::from_secs(5);

/// The most that X usually is: the headers of Ethernet and IPv4, in bytes.
const HEADERS: usize = 34;

pub fn trials() -> Vec<Trial> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/pcap-filter/libpcap-expressions.json");
    let is_absent = !path.is_file();
    let trial = |name: &str, check: fn(&Value) -> Result<(), Failed>| {
        let path: PathBuf = path.clone();
        let work = move || check(&serde_json::from_str(&fs::read_to_string(&path)?)?);
        Trial::test(format!("expressions::{name}"), work).with_ignored_flag(is_absent)
    };
    let of_source = |name, check, language: &source::Source| {
        let trial = trial(name, check);
        let is_ignored = trial.has_ignored_flag() || !language.is_available();
        trial.with_ignored_flag(is_ignored)
    };
    let [c, rust] = &source::LANGUAGES;
    vec![
        of_source("c", |file| check_source(file, Language::C), c),
        of_source("rust", |file| check_source(file, Language::Rust), rust),
        trial("libpcap", check_optimizer),
        trial("compiled", check_compiled),
        trial("proven", check_proven),
        z3_trial(&path),
        trial("mutated", check_mutated),
        trial("refused", check_rejected),
    ]
}

/// Source code of our programs has their verdicts.
fn check_source(file: &Value, language: Language) -> Result<(), Failed> {
    let (mut tried, mut random) = (Vec::new(), Random::new(4));
    each_expression(file, |[ours, ..], _| {
        let samples = (0..PACKETS).map(|_| sample(ours, &mut random)).collect();
        tried.push((ours.verify(Dialect::Pcap)?, samples));
        Ok(())
    })?;
    Ok(source::agree(language, &tried)?)
}

/// Returns `true` for blocks with the address families or protocols of another system, and for one in which libpcap
/// reads scratch words that it never stores.
fn is_incomparable(block: &Value) -> bool {
    let name = block["name"].as_str().unwrap_or_default();
    let link_type = block["link_type"].as_str().unwrap_or_default();
    let has_families = matches!(link_type, "NULL" | "LOOP" | "ENC" | "PFLOG");
    has_families && name.contains(|c: char| c.is_ascii_digit())
        || name.starts_with("igrp_88")
        || name == "geneve_and_tcp_index_IEEE802_11_RADIO"
}

/// Our programs are proven to keep the same packets as libpcap's, optimised or not.
fn check_proven(file: &Value) -> Result<(), Failed> {
    let mut proven = 0;
    each_expression(file, |[ours, rest @ ..], _| {
        let ours = ours.verify(Dialect::Pcap)?;
        for theirs in rest {
            match prove::equivalent(&ours, &theirs.verify(Dialect::Pcap)?)? {
                Proof::Holds => proven += 1,
                Proof::Fails(witness) => return Err(format!("differs on {witness:?}").into()),
                Proof::Unknown(reason) => return Err(reason.to_string().into()),
            }
        }
        Ok(())
    })?;
    if proven > 1_500 { Ok(()) } else { Err(format!("only {proven} are proven").into()) }
}

/// Returns the trial in which another prover judges; it takes Python with the module `z3`.
fn z3_trial(expressions: &Path) -> Trial {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tools/prove.py");
    let has_z3 = || Command::new("python3").args(["-c", "import z3"]).output().is_ok_and(|run| run.status.success());
    let is_absent = !expressions.is_file() || !tool.is_file() || !has_z3();
    let expressions = expressions.to_owned();
    let work = move || check_with_z3(&serde_json::from_str(&fs::read_to_string(expressions)?)?, &tool);
    Trial::test("expressions::z3", work).with_ignored_flag(is_absent)
}

/// Where both decide, we agree with z3 on whether our program of an expression, that of another one, and libpcap's keep
/// the same packets.
fn check_with_z3(file: &Value, tool: &Path) -> Result<(), Failed> {
    let mut pairs: Vec<[Program; 2]> = Vec::new();
    let mut last: Option<Program> = None;
    each_expression(file, |[ours, _, theirs], _| {
        pairs.push([ours.clone(), theirs.clone()]);
        pairs.extend(last.replace(ours.clone()).map(|other| [ours.clone(), other]));
        Ok(())
    })?;
    let folder = tempfile::tempdir()?;
    let files = ["a", "b"].map(|name| folder.path().join(name));
    let (start, time, mut random) = (Instant::now(), random::limit().unwrap_or(TIME), Random::new(5));
    while start.elapsed() < time {
        let pair = &pairs[random.below(pairs.len())];
        for (file, program) in files.iter().zip(pair) {
            fs::write(file, program.print(Form::Decimal))?;
        }
        let output = Command::new("python3").arg(tool).args(&files).arg("--in-bounds").output()?;
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let [first, second] = pair.each_ref().map(|program| program.verify(Dialect::Pcap));
        let proof = prove::equivalent(&first?, &second?)?;
        let is_contradiction = match proof {
            Proof::Holds => answer.starts_with("differ"),
            Proof::Fails(_) => answer.starts_with("equal"),
            Proof::Unknown(_) => false,
        };
        if is_contradiction {
            return Err(format!("{proof:?}, but z3: {answer}of\n{}and\n{}", pair[0], pair[1]).into());
        }
    }
    Ok(())
}

/// Our programs have the verdicts of libpcap's.
fn check_compiled(file: &Value) -> Result<(), Failed> {
    let (mut compiled, mut random) = (0, Random::new(1));
    each_expression(file, |[ours, theirs, _], _| {
        let [judged, judge] = [ours.verify(Dialect::Pcap)?, theirs.verify(Dialect::Pcap)?];
        compiled += 1;
        // On shorter packets the programs may differ, since they load in another order.
        let samples = (0..PACKETS).map(|_| sample(theirs, &mut random)).filter(|sample| sample.data.len() == LONGEST);
        for Sample { data, wire_len, .. } in samples {
            let packet = Packet::new(&data).with_wire_len(wire_len);
            if judged.interpret(packet) != judge.interpret(packet) {
                return Err(format!("on {data:02x?}").into());
            }
        }
        Ok(())
    })?;
    if compiled > 900 { Ok(()) } else { Err(format!("only {compiled} expressions were compiled").into()) }
}

/// Our programs have the verdicts of libpcap's on packets that are mutated where the programs load.
fn check_mutated(file: &Value) -> Result<(), Failed> {
    let (start, mut random) = (Instant::now(), Random::new(2));
    each_expression(file, |programs, link_type| match start.elapsed() > TIME {
        true => Ok(()),
        false => Ok(mutate::agree(programs, link_type, &mut random)?),
    })
}

/// Calls `try_one` for all expressions that both compilers accept.
fn each_expression(
    file: &Value,
    mut try_one: impl FnMut(&Programs, LinkType) -> Result<(), Failed>,
) -> Result<(), Failed> {
    for block in blocks(file, "accept")? {
        let link_type: LinkType = block["link_type"].as_str().ok_or("no link type")?.parse()?;
        let theirs = program(&block["unopt"])?.or(program(&block["optunopt"])?).ok_or("no code")?;
        // Our verifier rejects loops.
        let is_loop = theirs.verify(Dialect::Pcap).is_err();
        let is_special = block.get("linuxext").is_some() || block.get("netmask").is_some();
        if is_loop || is_special || is_incomparable(block) {
            continue;
        }
        let optimized = program(&block["opt"])?.unwrap_or_else(|| theirs.clone());
        let snaplen = block["snaplen"].as_str().map_or(Ok(262_144), str::parse)?;
        let target = Target::new(link_type).snaplen(snaplen).allow_reject_all(true);
        for text in block["expressions"].as_array().ok_or("no expressions")?.iter().filter_map(Value::as_str) {
            let Ok(ours) = compile_expression(text, &target) else { continue };
            try_one(&[ours, theirs.clone(), optimized.clone()], link_type)
                .map_err(|error| format!("{}: `{text}`: {}", block["name"], error.message().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// The expressions that libpcap rejects are errors.
fn check_rejected(file: &Value) -> Result<(), Failed> {
    for block in blocks(file, "reject")? {
        let (Some(link_type), Some(text)) = (block["link_type"].as_str(), block["expression"].as_str()) else {
            continue;
        };
        if compile_expression(text, &Target::new(link_type.parse()?)).is_ok() {
            return Err(format!("{}: `{text}` is accepted", block["name"]).into());
        }
    }
    Ok(())
}

/// Our optimiser keeps the verdicts of libpcap's programs, and makes them about as short as libpcap's optimiser does.
fn check_optimizer(file: &Value) -> Result<(), Failed> {
    let (mut ours, mut theirs, mut random) = (0, 0, Random::new(3));
    for block in blocks(file, "accept")? {
        let dialect = if block.get("linuxext").is_some() { Dialect::Linux } else { Dialect::Pcap };
        let both = program(&block["optunopt"])?;
        let (unoptimized, optimized) = (program(&block["unopt"])?.or(both.clone()), program(&block["opt"])?.or(both));
        for program in unoptimized.iter().chain(&optimized) {
            let samples: Vec<Sample> = (0..PACKETS).map(|_| sample(program, &mut random)).collect();
            oracle::optimized_agrees(program, dialect, &samples).map_err(|e| format!("{}: {e}", block["name"]))?;
        }
        // Our verifier rejects loops.
        if let (Some(before), Some(after)) = (unoptimized, optimized)
            && let Ok(shorter) = before.optimize(dialect)
        {
            (ours, theirs) = (ours + shorter.len(), theirs + after.len());
        }
    }
    let is_short = ours * 100 <= theirs * 105;
    if is_short { Ok(()) } else { Err(format!("{ours} instructions, libpcap has {theirs}").into()) }
}

fn blocks<'v>(file: &'v Value, list: &str) -> Result<&'v Vec<Value>, Failed> {
    Ok(file[list].as_array().ok_or_else(|| format!("no `{list}`"))?)
}

/// Parses a program that is a list of lines; `None` if there is none.
fn program(listing: &Value) -> Result<Option<Program>, Failed> {
    let Some(lines) = listing.as_array() else { return Ok(None) };
    let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    Ok(Some(Program::parse_as(Form::Listing, lines.join("\n").as_bytes())?))
}

/// Returns random bytes with the program's constants at the places that it loads from, cut at a random length.
fn sample(program: &Program, random: &mut Random) -> Sample {
    let mut data = random.bytes(LONGEST);
    let constants: Vec<u32> = program.instructions().iter().filter(|raw| raw.code & 7 == 5).map(|raw| raw.k).collect();
    for instruction in program.disassemble() {
        let (offset, width) = match instruction {
            Instruction::LoadAbsolute { offset, width } => (offset as usize, width.bytes() as usize),
            Instruction::LoadIndirect { offset, width } => {
                (offset as usize + random.below(HEADERS), width.bytes() as usize)
            }
            _ => continue,
        };
        if let Some(place) = data.get_mut(offset..offset.saturating_add(width))
            && !constants.is_empty()
            && random.chance(75)
        {
            place.copy_from_slice(&random.choose(&constants).to_be_bytes()[4 - width..]);
        }
    }
    let len = if random.chance(50) { LONGEST } else { random.below(LONGEST) };
    data.truncate(len);
    Sample { data, wire_len: random.below(1600) as u32, context: Context::default() }
}
