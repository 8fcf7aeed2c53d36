//! `cbpf trace`: traces the execution of a program on one packet.

use std::io::{Write, stdout};

use cbpf::Verified;
use cbpf::debug::{Executed, HaltReason, Trace};
use clap::{Args, value_parser};
use serde_json::{Value, json};

use crate::cli::capture::Record;
use crate::cli::engine::Contexts;
use crate::cli::failure::Failure;
use crate::cli::input::{CaptureArguments, Inputs, each_record};
use crate::cli::link_types::ByLinkType;
use crate::cli::print::{counted, instruction_lines, print};
use crate::cli::program::{ProgramArguments, ProgramSource, StageArguments};
use crate::cli::progress::Progress;

/// Print each instruction that a program executes on one packet, and the reason why it halts
///
/// After each instruction come the resulting registers, in hexadecimal, and the bytes that it loaded, the word that it
/// stored, or its jump target. The interpreter runs the program. That of an expression is the one that `cbpf compile`
/// prints.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf trace -p arp.asm -r in.pcap --packet 7")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    stage: StageArguments,

    #[command(flatten)]
    captures: CaptureArguments,

    /// Trace the packet with this number, counted from 1 through all captures
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..))]
    packet: u64,

    /// Seed the random numbers of `ld rand`, as for `cbpf run`
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.captures.require_one_thread()?;
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |source: &ProgramSource, link_type, verified| {
        arguments.stage.select(&arguments.program, source, link_type, verified)
    };
    let mut programs = ByLinkType::with_source(&arguments.program, &arguments.captures, &inputs, load)?;
    let mut packets = 0;
    // An error ends the reading, so the result for the packet is returned as one.
    let search = each_record(&mut inputs, Progress::Hidden, |input, number, record| {
        packets = number;
        if number == arguments.packet { Err(show(arguments, &mut programs, input, record)) } else { Ok(()) }
    });
    let missing =
        || format!("there is no packet {}; the captures hold {}", arguments.packet, counted(packets, "packet"));
    match search {
        Err(printed) => printed,
        Ok(Inputs::Whole) => Err(Failure::Failed(missing())),
        Ok(Inputs::Damaged) => Err(Failure::Input(missing())),
    }
}

fn show(
    arguments: &Arguments,
    programs: &mut ByLinkType<Verified>,
    input: usize,
    record: &Record,
) -> Result<(), Failure> {
    let Some(verified) = programs.of_interface(input, record.interface)? else {
        return Err(Failure::Failed(format!(
            "the expression has no program for the link type of packet {}",
            arguments.packet
        )));
    };
    let mut contexts = Contexts::new(arguments.seed);
    let packet = contexts.packet(arguments.packet, record, true);
    let trace = verified.trace(packet);
    if !arguments.json {
        return print(trace.to_string().as_bytes());
    }
    let json = json!({
        "packet": arguments.packet,
        "captured": packet.data().len(),
        "wire_len": packet.wire_len(),
        "executed": executed(verified, &trace),
        "end": end(&trace),
        "verdict": trace.verdict(),
    });
    Ok(writeln!(stdout(), "{json}")?)
}

/// Returns the executed instructions with their effects.
pub fn executed(verified: &Verified, trace: &Trace) -> Vec<Value> {
    let lines = instruction_lines(verified.program());
    let describe = |executed: &Executed| {
        let read = executed.read.map(|read| json!({ "offset": read.offset, "bytes": read.bytes }));
        let stored = executed.stored.map(|(slot, value)| json!({ "slot": slot, "value": value }));
        json!({
            "pc": executed.pc,
            "instruction": lines.get(executed.pc),
            "a": executed.after.a,
            "x": executed.after.x,
            "read": read,
            "stored": stored,
            "next": executed.next,
        })
    };
    trace.iter().map(describe).collect()
}

/// Returns the reason why the program halted, with its numbers.
pub fn end(trace: &Trace) -> Value {
    match trace.end() {
        Ok(_) => json!({ "reason": "return" }),
        Err(HaltReason::OutOfBounds { offset, width, captured }) => {
            json!({ "reason": "out-of-bounds", "offset": offset, "width": width.bytes(), "captured": captured })
        }
        Err(HaltReason::DivisionByZero) => json!({ "reason": "division-by-zero" }),
        Err(HaltReason::NoDevice { .. }) => json!({ "reason": "no-device" }),
        Err(stop) => json!({ "reason": stop.to_string() }),
    }
}
