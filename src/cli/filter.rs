//! `cbpf filter`: counts the packets of captures that a program keeps, and writes them to a capture.

use std::cell::Cell;
use std::io::{Write, stdout};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::capture::{Format, LeftOut, OutputLimits, OutputSet, Piece, Reader};
use crate::cli::engine::{Contexts, Engine, EngineChoice};
use crate::cli::failure::{Failure, say};
use crate::cli::input::{CaptureArguments, Inputs, each_piece_until};
use crate::cli::link_types::ByLinkType;
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;
use crate::cli::rotation::RotationArguments;
use crate::cli::selection::{SelectionArguments, SnaplenArguments, TimeSelection};
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
/// With -C and -G, further captures follow, each of which appears when it is complete. They are those that tcpdump
/// makes, except that -G is about the time stamps of packets, and that a file does not replace the one before it. Each
/// pcapng file begins with the section, the interfaces, the names and the secrets that its packets may refer to. When a
/// signal ends the program, complete captures stay, and the last one is removed; at the end of a stream, it is complete.
///
/// An expression is compiled for each link type of the inputs. It matches no packets of a link type for which it is
/// invalid or contradictory, with a warning. It is an error if it is invalid for all of them.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf filter -r in.pcap 'tcp port 443' -w https.pcap
  tcpdump -i eth0 -U -w - | cbpf filter -r - 'port 53' -w dns.pcap
  cbpf filter -r in.pcap 'host 10.0.0.1' --after '2024-05-01 10:00' --before +2h -c 1000 -w some.pcap
  tcpdump -i eth0 -U -w - | cbpf filter -r - 'tcp' -G 3600 -W 24 -w 'tcp-%Y%m%d-%H.pcap'
  cbpf filter -p arp.asm -r monday.pcap.gz -r tuesday.pcapng -w arp.pcap")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    captures: CaptureArguments,

    /// Write kept packets to this capture; - for standard output
    #[arg(short, long = "write", value_name = "OUT")]
    write: Option<PathBuf>,

    #[command(flatten)]
    selection: SelectionArguments,

    #[command(flatten)]
    snaplen: SnaplenArguments,

    #[command(flatten)]
    rotation: RotationArguments,

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
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |verified| Engine::load(arguments.engine, verified);
    let mut engines = ByLinkType::new(&arguments.program, &arguments.captures, &inputs, load)?;
    let format = Format::of(&inputs);
    let limits = OutputLimits {
        rotation: arguments.rotation.rotation()?,
        packets: arguments.selection.most(),
        snaplen: arguments.snaplen.most(),
    };
    if arguments.write.is_none() && limits.rotation.is_active() {
        return Err(Failure::Failed("-C and -G need -w".to_owned()));
    }
    let create = |path: &PathBuf| OutputSet::create([path.clone()], format, limits);
    let mut output = arguments.write.as_ref().map(create).transpose()?;

    let mut summary = Summary::start();
    let outcome = filter(arguments, &mut engines, &mut inputs, output.as_mut(), &mut summary)?;
    engines.finish(&inputs)?;
    if let Some(output) = output {
        output.finish(&inputs)?;
    }
    print_summary(arguments, summary)?;
    outcome.outcome()
}

fn filter(
    arguments: &Arguments,
    engines: &mut ByLinkType<Engine>,
    inputs: &mut [Reader],
    mut output: Option<&mut OutputSet>,
    summary: &mut Summary,
) -> Result<Inputs, Failure> {
    let mut contexts = Contexts::new(arguments.seed);
    let mut verdicts = Vec::new();
    let mut left_out = LeftOut::default();
    let mut times = TimeSelection::new(&arguments.selection);
    let mut matches_left = arguments.selection.most().unwrap_or(u64::MAX);
    let snaplen = arguments.snaplen.most().unwrap_or(u32::MAX);
    let outcome = each_piece_until(inputs, Progress::of(inputs), &Cell::new(None), |input, first, piece| {
        let records = match (piece, &mut output) {
            (Piece::Records(records), _) => records,
            (Piece::Block(_) | Piece::Pause, None) => return Ok(ControlFlow::Continue(())),
            (Piece::Block(block), Some(output)) => {
                left_out.block(&block);
                return Ok(ControlFlow::Continue(output.block(input, &block)?));
            }
            (Piece::Pause, Some(output)) => return Ok(ControlFlow::Continue(output.flush_to_readers()?)),
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
            if !times.includes(&record) {
                continue;
            }
            let captured = record.data.len();
            let kept = captured.min(arguments.program.verdict(verdict, captured).min(snaplen) as usize);
            if let Some(output) = &mut output {
                output.read(input, &record)?;
                let record = record.cut(kept);
                if verdict != 0 && !output.write(0, input, &record)? {
                    return Ok(ControlFlow::Break(()));
                }
                if verdict != 0 {
                    left_out.record(&record);
                }
            }
            summary.count(captured, (verdict != 0).then_some(kept));
            matches_left -= u64::from(verdict != 0);
            if matches_left == 0 {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok::<_, Failure>(ControlFlow::Continue(()))
    })?;
    summary.set_outside(times.outside());
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
