//! `cbpf filter`: counts the packets of captures that a program keeps, and writes them to a capture.

use std::cell::Cell;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::capture::{Format, LeftOut, Output, Piece, Reader, Writer};
use crate::cli::engine::{Contexts, Engine, EngineChoice};
use crate::cli::failure::{Failure, say};
use crate::cli::fanout;
use crate::cli::input::{CaptureArguments, Inputs, each_piece};
use crate::cli::link_types::ByLinkType;
use crate::cli::live;
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;
use crate::cli::summary::Summary;

/// Count the packets that a program keeps, and write them to a capture
///
/// Prints a summary on standard error. Truncates kept packets to the program's verdict; an expression keeps them whole.
/// Timestamps, link types and original lengths are preserved. The output is a pcap file if all inputs are pcap files of
/// one link type, and pcapng otherwise. The sections of pcapng inputs are copied with all their blocks and options:
/// comments, names, secrets, unmodified statistics. Custom blocks and options that must not be copied are left out.
/// The output appears under its name when it is complete. To a pipe, the header is written at once, and each packet as
/// soon as it is read.
///
/// An expression is compiled for each link type of the inputs. It matches no packets of a link type for which it is
/// invalid or contradictory, with a warning. It is an error if it is invalid for all of them.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf filter -r in.pcap 'tcp port 443' -w https.pcap
  tcpdump -i eth0 -U -w - | cbpf filter -r - 'port 53' -w dns.pcap
  cbpf filter -p arp.asm -r monday.pcap.gz -r tuesday.pcapng -w arp.pcap")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    captures: CaptureArguments,

    /// Write kept packets to this capture; - for standard output
    #[arg(short, long = "write", value_name = "OUT")]
    write: Option<PathBuf>,

    /// Run the program with this engine
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = EngineChoice::Jit)]
    engine: EngineChoice,

    /// Seed the random numbers of `ld rand`, to make runs repeatable
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Print the summary as JSON, on standard output, or on standard error if packets are written to standard output
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.write.is_some() {
        arguments.captures.require_one_thread()?;
    }
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |verified| Engine::load(arguments.engine, verified);
    let mut engines = ByLinkType::new(&arguments.program, &arguments.captures, &inputs, load)?;
    let create = |path| Writer::new(Output::create(path)?, &Format::of(&inputs));
    let mut writer = arguments.write.as_deref().map(create).transpose()?;

    if arguments.captures.live().threads().is_some() {
        return in_threads(arguments, &engines, inputs);
    }
    live::start(&mut inputs, |input| engines.verified(input.pcap_interface()?.link_type()))?;
    let mut summary = Summary::start();
    let outcome = filter(arguments, &mut engines, &mut inputs, writer.as_mut(), &mut summary)?;
    engines.finish(&inputs)?;
    if let Some(writer) = writer {
        writer.finish(&inputs)?;
    }
    print_summary(arguments, summary)?;
    live::report(&inputs);
    outcome.outcome()
}

fn filter(
    arguments: &Arguments,
    engines: &mut ByLinkType<Engine>,
    inputs: &mut [Reader],
    mut writer: Option<&mut Writer>,
    summary: &mut Summary,
) -> Result<Inputs, Failure> {
    let mut contexts = Contexts::new(arguments.seed);
    let mut verdicts = Vec::new();
    let mut left_out = LeftOut::default();
    let outcome = each_piece(inputs, Progress::of(inputs), &Cell::new(None), |input, first, piece| {
        let records = match (piece, &mut writer) {
            (Piece::Records(records), _) => records,
            (Piece::Block(_) | Piece::Pause, None) => return Ok(()),
            (Piece::Block(block), Some(writer)) => {
                left_out.block(&block);
                return Ok(writer.block(input, &block)?);
            }
            (Piece::Pause, Some(writer)) => return Ok(writer.flush_to_readers()?),
        };
        verdicts.clear();
        for (link_type, records) in records.by_link_type() {
            let first = first + verdicts.len() as u64;
            match engines.of(input, link_type, records.iter().map(|record| record.interface))? {
                Some(engine) => engine.run_all(&mut contexts, first, records, &mut verdicts),
                None => verdicts.resize(verdicts.len() + records.len(), 0),
            }
        }
        for (record, &verdict) in records.iter().zip(&verdicts) {
            let captured = record.data.len();
            let kept = captured.min(arguments.program.verdict(verdict, captured) as usize);
            summary.count(captured, (verdict != 0).then_some(kept));
            if verdict == 0 {
                continue;
            }
            if let Some(writer) = &mut writer {
                let record = record.cut(kept);
                left_out.record(&record);
                writer.write(input, &record)?;
            }
        }
        Ok::<(), Failure>(())
    })?;
    if !left_out.is_empty() {
        say(format_args!("cbpf: warning: {left_out}"));
    }
    Ok(outcome)
}

/// Counts the packets of an interface with several threads, which share an engine.
fn in_threads(arguments: &Arguments, engines: &ByLinkType<Engine>, mut inputs: Vec<Reader>) -> Result<(), Failure> {
    let verified = inputs[0].pcap_interface().and_then(|interface| engines.verified(interface.link_type()));
    live::start(&mut inputs, |_| verified.clone())?;
    let engine = verified.clone().map(|verified| Engine::load(arguments.engine, verified)).transpose()?;
    let start = || (Summary::start(), Contexts::new(arguments.seed), Vec::new());
    let outcome = fanout::each_member(&arguments.captures, inputs, verified.as_ref(), start, |state, records| {
        let (summary, contexts, verdicts) = state;
        verdicts.clear();
        match &engine {
            Some(engine) => engine.run_all(contexts, 0, records, verdicts),
            None => verdicts.resize(records.len(), 0),
        }
        for (record, &verdict) in records.iter().zip(&*verdicts) {
            let captured = record.data.len();
            let kept = captured.min(arguments.program.verdict(verdict, captured) as usize);
            summary.count(captured, (verdict != 0).then_some(kept));
        }
    })?;
    let mut summaries = outcome.results.iter().map(|(summary, ..)| summary);
    if let Some(mut summary) = summaries.next().cloned() {
        summaries.for_each(|other| summary.add(other));
        print_summary(arguments, summary)?;
    }
    outcome.report()
}

fn print_summary(arguments: &Arguments, summary: Summary) -> Result<(), Failure> {
    let summary = summary.finish();
    if !arguments.json {
        say(summary);
        return Ok(());
    }
    let mut json = summary.json();
    json["engine"] = arguments.engine.to_possible_value().map(|engine| engine.get_name().to_owned()).into();
    match arguments.write.as_deref() == Some(Path::new("-")) {
        true => say(json),
        false => writeln!(stdout(), "{json}")?,
    }
    Ok(())
}
