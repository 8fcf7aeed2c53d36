//! `cbpf filter`: the main job, which packets of captures a program keeps.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::capture::{Format, Output, Reader, Writer};
use crate::cli::engine::{self, Engine, Surroundings};
use crate::cli::failure::{Failure, say};
use crate::cli::input::{CaptureArguments, Inputs, each_batch};
use crate::cli::interrupt;
use crate::cli::link_types::ByLinkType;
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;
use crate::cli::summary::Summary;

/// Count the packets that a program keeps, and write them to a capture
///
/// A summary goes to standard error. Kept packets are cut to the program's verdict; time stamps, link types and
/// original lengths stay. The output is a pcap file if all inputs are, with one link type, and else pcapng; it appears
/// under its name when it is complete.
///
/// An expression has a program for each link type of the inputs. Where it has none, or one that matches no packet, it
/// matches nothing there, with a warning; it is an error if there is no link type for which it has a program.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf filter -r in.pcap 'tcp port 443' -w https.pcap
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
    let mut writer = arguments.write.as_deref().map(|path| create(path, &inputs)).transpose()?;

    let mut summary = Summary::start();
    let outcome = filter(&mut engines, arguments.seed, &mut inputs, writer.as_mut(), &mut summary)?;
    engines.finish(&inputs)?;
    if let Some(writer) = writer {
        writer.finish(&inputs)?;
    }
    print_summary(arguments, summary)?;
    outcome.outcome()
}

/// An output that goes if the program is interrupted.
fn create(path: &Path, inputs: &[Reader]) -> Result<Writer, Failure> {
    let writer = Writer::new(Output::create(path)?, &Format::of(inputs))?;
    if let Some(temporary) = writer.temporary() {
        interrupt::remove_when_interrupted(temporary)?;
    }
    Ok(writer)
}

fn filter(
    engines: &mut ByLinkType<Engine>,
    seed: Option<u64>,
    inputs: &mut [Reader],
    mut writer: Option<&mut Writer>,
    summary: &mut Summary,
) -> Result<Inputs, Failure> {
    let mut surroundings = Surroundings::new(seed);
    let mut verdicts = Vec::new();
    each_batch(inputs, Progress::of(inputs), |input, first, records| {
        verdicts.clear();
        for (link_type, records) in records.by_link_type() {
            let first = first + verdicts.len() as u64;
            match engines.of(input, link_type, records.iter().map(|record| record.interface))? {
                Some(engine) => engine.run_all(&mut surroundings, first, records, &mut verdicts),
                None => verdicts.resize(verdicts.len() + records.len(), 0),
            }
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
