//! `cbpf filter`: the main job, which packets of captures a program keeps.

use std::cell::Cell;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::capture::{Format, Output, Piece, Reader, Writer};
use crate::cli::engine::{self, Surroundings};
use crate::cli::failure::{Failure, say};
use crate::cli::input::{CaptureArguments, Inputs, each_piece};
use crate::cli::program::{Engines, ProgramArguments};
use crate::cli::progress::Progress;
use crate::cli::summary::Summary;

/// Count the packets that a program keeps, and write them to a capture
///
/// A summary goes to standard error. Kept packets are cut to the program's verdict; time stamps, link types and
/// original lengths stay. The output is a pcap file if all inputs are, with one link type, and else pcapng; it appears
/// under its name when it is complete. A pipe gets its header at once, and each packet before the next one is waited for.
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
    let mut engines = Engines::load(&arguments.program, arguments.engine)?;
    let create = |path| Writer::new(Output::create(path)?, &Format::of(&inputs));
    let mut writer = arguments.write.as_deref().map(create).transpose()?;

    let mut summary = Summary::start();
    let outcome = filter(&mut engines, arguments.seed, &mut inputs, writer.as_mut(), &mut summary)?;
    if let Some(writer) = writer {
        writer.finish(&inputs)?;
    }
    print_summary(arguments, summary)?;
    outcome.outcome()
}

fn filter(
    engines: &mut Engines,
    seed: Option<u64>,
    inputs: &mut [Reader],
    mut writer: Option<&mut Writer>,
    summary: &mut Summary,
) -> Result<Inputs, Failure> {
    let mut surroundings = Surroundings::new(seed);
    let mut verdicts = Vec::new();
    each_piece(inputs, Progress::of(inputs), &Cell::new(None), |input, first, piece| {
        let Piece::Records(records) = piece else {
            return Ok(writer.as_mut().map_or(Ok(()), |writer| writer.flush_to_readers())?);
        };
        verdicts.clear();
        for (link_type, records) in records.by_link_type() {
            let first = first + verdicts.len() as u64;
            engines.of(link_type)?.run_all(&mut surroundings, first, records, &mut verdicts);
        }
        for (record, &verdict) in records.iter().zip(&verdicts) {
            if verdict == 0 {
                summary.count(record.data.len(), None);
                continue;
            }
            let kept = record.data.len().min(verdict as usize);
            summary.count(record.data.len(), Some(kept));
            if let Some(writer) = &mut writer {
                writer.write(input, &record.cut(kept))?;
            }
        }
        Ok(())
    })
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
