//! `cbpf filter`: the main job, which packets of captures a program keeps.

use std::cell::Cell;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::capture::{Format, LeftOut, Output, Piece, Reader, Writer};
use crate::cli::engine::{self, Engine, Surroundings};
use crate::cli::failure::{Failure, say};
use crate::cli::input::{CaptureArguments, Inputs, each_piece};
use crate::cli::link_types::ByLinkType;
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;
use crate::cli::summary::Summary;

/// Count the packets that a program keeps, and write them to a capture
///
/// A summary goes to standard error. Kept packets are cut to the program's verdict; an expression keeps them whole. Time
/// stamps, link types and original lengths stay. The output is a pcap file if all inputs are, with one link type, and
/// else pcapng. Sections of pcapng stay what they are, with all that they hold besides packets: comments and other
/// options, names, secrets, statistics as they were, blocks of any kind; except for custom blocks and options that are
/// marked as not to be copied. The output appears under its name when it is complete. A pipe gets its header at once,
/// and each packet before the next one is waited for.
///
/// An expression has a program for each link type of the inputs. Where it has none, or one that matches no packet, it
/// matches nothing there, with a warning; it is an error if there is no link type for which it has a program.
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

    /// Write the kept packets to this capture; - for standard output
    #[arg(short, long = "write", value_name = "OUT")]
    write: Option<PathBuf>,

    /// What runs the program
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = engine::Name::Jit)]
    engine: engine::Name,

    /// Where the random numbers of `ld rand` begin, so that a run can be repeated
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Print the summary as JSON, on standard output unless packets go there
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |verified| Engine::load(arguments.engine, verified);
    let mut engines = ByLinkType::new(&arguments.program, &arguments.captures, &inputs, load)?;
    let create = |path| Writer::new(Output::create(path)?, &Format::of(&inputs));
    let mut writer = arguments.write.as_deref().map(create).transpose()?;

    let mut summary = Summary::start();
    let outcome = filter(arguments, &mut engines, &mut inputs, writer.as_mut(), &mut summary)?;
    engines.finish(&inputs)?;
    if let Some(writer) = writer {
        writer.finish(&inputs)?;
    }
    print_summary(arguments, summary)?;
    outcome.outcome()
}

fn filter(
    arguments: &Arguments,
    engines: &mut ByLinkType<Engine>,
    inputs: &mut [Reader],
    mut writer: Option<&mut Writer>,
    summary: &mut Summary,
) -> Result<Inputs, Failure> {
    let mut surroundings = Surroundings::new(arguments.seed);
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
                Some(engine) => engine.run_all(&mut surroundings, first, records, &mut verdicts),
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
