//! `cbpf filter`: counts the packets of captures that a program keeps, and writes them to a capture.

use std::cell::Cell;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::capture::{Format, LeftOut, Output, Piece, Reader, Writer};
use crate::cli::engine::{Contexts, Engine, EngineChoice};
use crate::cli::failure::{Failure, say};
use crate::cli::input::{CaptureArguments, Inputs, each_piece};
use crate::cli::link_types::ByLinkType;
use crate::cli::print_packets::{LineArguments, Printer};
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
#[command(mut_arg("fields", |fields| fields.hide_possible_values(true)))]
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

    /// Print the summary as JSON, on standard output, or on standard error if packets are written or printed there
    #[arg(long)]
    json: bool,

    /// Print kept packets on standard output, as `cbpf print` does; the options for that are described there
    #[arg(long)]
    print: bool,

    #[command(flatten)]
    lines: LineArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut printer = printer(arguments)?;
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |verified| Engine::load(arguments.engine, verified);
    let mut engines = ByLinkType::new(&arguments.program, &arguments.captures, &inputs, load)?;
    let create = |path| Writer::new(Output::create(path)?, &Format::of(&inputs));
    let mut writer = arguments.write.as_deref().map(create).transpose()?;

    let mut summary = Summary::start();
    let outputs = (writer.as_mut(), printer.as_mut());
    let outcome = filter(arguments, &mut engines, &mut inputs, outputs, &mut summary)?;
    printer.as_mut().map_or(Ok(()), Printer::flush)?;
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
    (mut writer, mut printer): (Option<&mut Writer>, Option<&mut Printer>),
    summary: &mut Summary,
) -> Result<Inputs, Failure> {
    let mut contexts = Contexts::new(arguments.seed);
    let mut verdicts = Vec::new();
    let mut left_out = LeftOut::default();
    // A progress bar would disturb the lines.
    let progress = if printer.is_some() { Progress::Hidden } else { Progress::of(inputs) };
    let outcome = each_piece(inputs, progress, &Cell::new(None), |input, first, piece| {
        let records = match (piece, &mut writer) {
            (Piece::Records(records), _) => records,
            (Piece::Block(_), None) => return Ok(()),
            (Piece::Block(block), Some(writer)) => {
                left_out.block(&block);
                return Ok(writer.block(input, &block)?);
            }
            (Piece::Pause, writer) => {
                printer.as_mut().map_or(Ok(()), |printer| printer.flush())?;
                return Ok(writer.as_mut().map_or(Ok(()), |writer| writer.flush_to_readers())?);
            }
        };
        verdicts.clear();
        engines.run_all(&mut contexts, input, first, records, &mut verdicts)?;
        for (number, (record, &verdict)) in (first..).zip(records.iter().zip(&verdicts)) {
            let captured = record.data.len();
            let kept = captured.min(arguments.program.verdict(verdict, captured) as usize);
            summary.count(captured, (verdict != 0).then_some(kept));
            if verdict == 0 {
                continue;
            }
            let record = record.cut(kept);
            if let Some(writer) = &mut writer {
                left_out.record(&record);
                writer.write(input, &record)?;
            }
            if let Some(printer) = &mut printer {
                printer.print(number, &record)?;
            }
        }
        Ok::<(), Failure>(())
    })?;
    if !left_out.is_empty() {
        say(format_args!("cbpf: warning: {left_out}"));
    }
    Ok(outcome)
}

/// Returns the printer of kept packets, if they are printed. Without a reader of what it prints, a capture is still
/// written.
fn printer(arguments: &Arguments) -> Result<Option<Printer<'_>>, Failure> {
    let failed = |message: String| Err(Failure::Failed(message));
    match (arguments.print, arguments.lines.given()) {
        (false, Some(option)) => failed(format!("{option} needs --print")),
        (false, None) => Ok(None),
        (true, _) if is_standard_output(arguments) => {
            failed("--print and --write - would mix lines and a capture on standard output".to_owned())
        }
        (true, _) => Ok(Some(arguments.lines.printer(arguments.write.is_some()))),
    }
}

fn is_standard_output(arguments: &Arguments) -> bool {
    arguments.write.as_deref() == Some(Path::new("-"))
}

fn print_summary(arguments: &Arguments, summary: Summary) -> Result<(), Failure> {
    let summary = summary.finish();
    if !arguments.json {
        say(summary);
        return Ok(());
    }
    let mut json = summary.json();
    json["engine"] = arguments.engine.to_possible_value().map(|engine| engine.get_name().to_owned()).into();
    match is_standard_output(arguments) || arguments.print {
        true => say(json),
        false => writeln!(stdout(), "{json}")?,
    }
    Ok(())
}
