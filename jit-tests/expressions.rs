//! Code that libpcap generates for expressions, in a folder beside the project, if it is there: what the optimiser makes
//! of the unoptimised code is about as short as what libpcap's own optimiser does, and gives the same verdicts.

use std::fs;
use std::path::{Path, PathBuf};

use cbpf::{Context, Dialect, Form, Instruction, Program};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::generate::Sample;
use crate::oracle;
use crate::random::xorshift;

/// How many packets each program is tried with.
const PACKETS: usize = 100;

/// How long packets are before they are cut, in bytes.
const LONGEST: usize = 200;

/// What stands before a load through X, mostly: the headers of Ethernet and IPv4.
const HEADERS: usize = 34;

pub fn trial() -> Trial {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/pcap-filter/libpcap-expressions.json");
    let is_absent = !path.is_file();
    Trial::test("expressions::libpcap", move || check(&path)).with_ignored_flag(is_absent)
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
