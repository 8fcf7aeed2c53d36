//! Code that libpcap generates for expressions, in a folder beside the project, if it is there: what the optimiser makes
//! of the unoptimised code is about as short as what libpcap's own optimiser does, and gives the same verdicts; and so do
//! the programs that we make of the expressions.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cbpf::{Context, Dialect, Form, Instruction, LinkType, Packet, Program, Target, compile_expression};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::generate::Sample;
use crate::mutate::Programs;
use crate::oracle;
use crate::random::xorshift;

/// How many packets each program is tried with.
const PACKETS: usize = 100;

/// How long packets are before they are cut, in bytes.
const LONGEST: usize = 200;

/// How long the trial with mutated packets goes on at most.
const TIME: Duration = Duration::from_secs(5);

/// What stands before a load through X, mostly: the headers of Ethernet and IPv4.
const HEADERS: usize = 34;

pub fn trials() -> Vec<Trial> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/pcap-filter/libpcap-expressions.json");
    let is_absent = !path.is_file();
    let trial = |name: &str, check: fn(&PathBuf) -> Result<(), Failed>| {
        let path = path.clone();
        Trial::test(format!("expressions::{name}"), move || check(&path)).with_ignored_flag(is_absent)
    };
    vec![
        trial("libpcap", check),
        trial("compiled", check_compiled),
        trial("mutated", check_mutated),
        trial("refused", check_refused),
    ]
}

/// Blocks about another system than the default: their numbers of address families and protocols; and one in which
/// libpcap reads scratch words that it never stores.
fn is_about_another_system(block: &Value) -> bool {
    let name = block["name"].as_str().unwrap_or_default();
    let link_type = block["link_type"].as_str().unwrap_or_default();
    let has_families = matches!(link_type, "NULL" | "LOOP" | "ENC" | "PFLOG");
    has_families && name.contains(|c: char| c.is_ascii_digit())
        || name.starts_with("igrp_88")
        || name == "geneve_and_tcp_index_IEEE802_11_RADIO"
}

/// Our programs have the verdicts of libpcap's, where no names need to be known.
fn check_compiled(path: &PathBuf) -> Result<(), Failed> {
    let (mut compiled, mut state) = (0, 0x636f_6d70);
    each_expression(path, |expression| {
        let Expression { ours, theirs, .. } = expression;
        let [judged, judge] = [ours.verify(Dialect::Pcap)?, theirs.verify(Dialect::Pcap)?];
        compiled += 1;
        for _ in 0..PACKETS {
            let sample = sample(theirs, &mut state);
            // Shorter ones are for the proofs.
            if sample.data.len() < LONGEST {
                continue;
            }
            let packet = Packet::new(&sample.data).with_wire_len(sample.wire_len);
            if judged.interpret(packet) != judge.interpret(packet) {
                return Err(format!("on {:02x?}", sample.data).into());
            }
        }
        Ok(())
    })?;
    if compiled > 900 { Ok(()) } else { Err(format!("only {compiled} expressions were compiled").into()) }
}

/// So they have on packets that are mutated where the programs look.
fn check_mutated(path: &PathBuf) -> Result<(), Failed> {
    let mut state = 0x6d75_7461;
    let start = Instant::now();
    each_expression(path, |Expression { ours, theirs, optimized, link_type }| {
        if start.elapsed() > TIME {
            return Ok(());
        }
        Ok(Programs::new(ours, theirs, optimized)?.agree(*link_type, &mut state)?)
    })
}

/// An expression that both know, with its programs: ours, and the two of libpcap.
struct Expression {
    ours: Program,
    theirs: Program,
    optimized: Program,
    link_type: LinkType,
}

/// Tries all expressions whose code can be ours, too.
fn each_expression(path: &PathBuf, mut try_one: impl FnMut(&Expression) -> Result<(), Failed>) -> Result<(), Failed> {
    let file: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    for block in file["accept"].as_array().ok_or("no `accept`")? {
        let link_type: LinkType = block["link_type"].as_str().ok_or("no link type")?.parse()?;
        let theirs = program(&block["unopt"])?.or(program(&block["optunopt"])?).ok_or("no code")?;
        // What jumps backward is for libpcap alone.
        let is_loop = theirs.verify(Dialect::Pcap).is_err();
        let is_special = block.get("linuxext").is_some() || block.get("netmask").is_some();
        if is_loop || is_special || is_about_another_system(block) {
            continue;
        }
        let optimized = program(&block["opt"])?.unwrap_or_else(|| theirs.clone());
        let snaplen = block["snaplen"].as_str().map_or(Ok(262_144), str::parse)?;
        let target = Target::new(link_type).snaplen(snaplen).allow_reject_all(true);
        for text in block["expressions"].as_array().ok_or("no expressions")?.iter().filter_map(Value::as_str) {
            let Ok(ours) = compile_expression(text, &target) else { continue };
            let (theirs, optimized) = (theirs.clone(), optimized.clone());
            try_one(&Expression { ours, theirs, optimized, link_type })
                .map_err(|error| format!("{}: `{text}`: {}", block["name"], error.message().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// What libpcap refuses we refuse.
fn check_refused(path: &PathBuf) -> Result<(), Failed> {
    let file: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    for block in file["reject"].as_array().ok_or("no `reject`")? {
        let (Some(link_type), Some(text)) = (block["link_type"].as_str(), block["expression"].as_str()) else {
            continue;
        };
        if compile_expression(text, &Target::new(link_type.parse()?)).is_ok() {
            return Err(format!("{}: `{text}` is accepted", block["name"]).into());
        }
    }
    Ok(())
}

fn check(path: &PathBuf) -> Result<(), Failed> {
    let file: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let (mut ours, mut theirs) = (0, 0);
    for block in file["accept"].as_array().ok_or("no `accept`")? {
        let dialect = if block.get("linuxext").is_some() { Dialect::Linux } else { Dialect::Pcap };
        let both = program(&block["optunopt"])?;
        let (unoptimized, optimized) = (program(&block["unopt"])?.or(both.clone()), program(&block["opt"])?.or(both));
        let mut state = 0x6578_7072;
        for program in unoptimized.iter().chain(&optimized) {
            let samples: Vec<Sample> = (0..PACKETS).map(|_| sample(program, &mut state)).collect();
            oracle::optimized_agrees(program, dialect, &samples).map_err(|e| format!("{}: {e}", block["name"]))?;
        }
        // What jumps backward is for libpcap alone.
        if let (Some(before), Some(after)) = (unoptimized, optimized)
            && let Ok(shorter) = before.optimize(dialect)
        {
            (ours, theirs) = (ours + shorter.len(), theirs + after.len());
        }
    }
    let is_short = ours * 100 <= theirs * 105;
    if is_short { Ok(()) } else { Err(format!("{ours} instructions, where libpcap has {theirs}").into()) }
}

/// A program as a list of lines; `None` if there is none.
fn program(listing: &Value) -> Result<Option<Program>, Failed> {
    let Some(lines) = listing.as_array() else { return Ok(None) };
    let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    Ok(Some(Program::parse_as(Form::Listing, lines.join("\n").as_bytes())?))
}

/// Random bytes, with numbers that the program tests for at the places where it looks, cut somewhere.
fn sample(program: &Program, state: &mut u64) -> Sample {
    let mut below = |limit: usize| (xorshift(state) >> 16) as usize % limit;
    let mut data: Vec<u8> = (0..LONGEST).map(|_| below(256) as u8).collect();
    let constants: Vec<u32> = program.instructions().iter().filter(|raw| raw.code & 7 == 5).map(|raw| raw.k).collect();
    for instruction in program.disassemble() {
        let (offset, width) = match instruction {
            Instruction::LoadAbsolute { offset, width } => (offset as usize, width.bytes() as usize),
            Instruction::LoadIndirect { offset, width } => (offset as usize + below(HEADERS), width.bytes() as usize),
            _ => continue,
        };
        if let Some(place) = data.get_mut(offset..offset.saturating_add(width))
            && !constants.is_empty()
            && below(4) > 0
        {
            place.copy_from_slice(&constants[below(constants.len())].to_be_bytes()[4 - width..]);
        }
    }
    let len = if below(2) == 0 { LONGEST } else { below(LONGEST) };
    data.truncate(len);
    Sample { data, wire_len: below(1600) as u32, context: Context::default() }
}
