//! `cbpf filter`: counts the packets of captures that a program keeps, and writes them to a capture.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::capture::{Format, LeftOut, OutputLimits, OutputSet, Reader, Records};
use crate::cli::engine::EngineChoice;
use crate::cli::failure::{Failure, say};
use crate::cli::filter_habits::{ReportArguments, TcpdumpArguments};
use crate::cli::input::{CaptureArguments, Inputs};
use crate::cli::live;
use crate::cli::output_format::FormatArguments;
use crate::cli::packet_matching::{PacketMatcher, PacketMatching, PacketOptions};
use crate::cli::pipeline::{self, Event, ReadingArguments, Work};
use crate::cli::print_packets::{LineArguments, Printer};
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;
use crate::cli::rotation::RotationArguments;
use crate::cli::selection::{SelectionArguments, SnaplenArguments};
use crate::cli::summary::Summary;

/// Count the packets that a program keeps, and write them to a capture
///
/// Prints a summary on standard error. Truncates kept packets to the program's verdict; an expression keeps them whole.
/// Timestamps, link types and original lengths are preserved. The extensions of the output's name say its format and
/// compression: .pcap or .pcapng, .gz, .zst, .lz4, .xz or .bz2. Without them, it is a pcap file if all inputs are pcap
/// files of one link type, and pcapng otherwise. In pcapng, the sections of pcapng inputs are copied with all their
/// blocks and options: comments, names, secrets, unmodified statistics. Custom blocks and options that must not be
/// copied are left out. A pcap file holds packets of one link type and nothing else; what is left out is counted. The
/// output appears under its name when it is complete. To a pipe, the header is written at once, and each packet as soon
/// as it is read.
///
/// With -C and -G, further captures follow, each of which appears when it is complete. They are those that tcpdump
/// makes, except that -G is about the time stamps of packets, and that a file does not replace the one before it. Each
/// pcapng file begins with the section, the interfaces, the names and the secrets that its packets may refer to. When a
/// signal ends the program, complete captures stay, and the last one is removed; at the end of a stream, it is
/// complete.
///
/// An expression is compiled for each link type of the inputs. It matches no packets of a link type for which it is
/// invalid or contradictory, with a warning. It is an error if it is invalid for all of them.
#[derive(Args)]
#[command(mut_arg("fields", |fields| fields.hide_possible_values(true)))]
#[command(after_help = "Example:
  cbpf filter -r in.pcap 'tcp port 443' -w https.pcap
  cbpf filter tcp port 443 -- *.pcap
  cbpf filter -q -e 'port 53' in.pcap && echo 'there is DNS'
  cbpf filter -i eth0 'port 53' -w dns.pcap
  cbpf filter -r monday.pcap.gz -r tuesday.pcapng arp -w arp.pcapng.zst
  cbpf filter -r capture.zst -F pcap 'udp port 53' -w - | tcpdump -r -
  cbpf filter -r in.pcap 'host 10.0.0.1' --after '2024-05-01 10:00' --before +2h -c 1000 -w some.pcap
  cbpf filter -i eth0 tcp -G 3600 -W 24 -w 'tcp-%Y%m%d-%H.pcap'")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    captures: CaptureArguments,

    /// Write kept packets to this capture; - for standard output
    #[arg(short, long = "write", value_name = "OUT")]
    write: Option<PathBuf>,

    #[command(flatten)]
    format: FormatArguments,

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

    #[command(flatten)]
    reading: ReadingArguments,

    #[command(flatten)]
    report: ReportArguments,

    /// Print the summary as JSON, on standard output, or on standard error if packets are written or printed there
    #[arg(long)]
    json: bool,

    /// Print kept packets on standard output, as `cbpf print` does; the options for that are described there
    #[arg(long)]
    print: bool,

    #[command(flatten)]
    lines: LineArguments,

    #[command(flatten)]
    tcpdump: TcpdumpArguments,
}

pub fn run(mut arguments: Arguments) -> Result<(), Failure> {
    arguments.format.set_format(arguments.program.take_format());
    match arguments.tcpdump.apply(&arguments.program, &arguments.captures) {
        Ok(true) => Ok(()),
        Ok(false) => arguments.report.outcome(run_filter(&arguments)),
        Err(failure) => arguments.report.outcome(Err(failure)),
    }
}

/// Returns the number of packets that match.
fn run_filter(arguments: &Arguments) -> Result<u64, Failure> {
    arguments.report.check(is_standard_output(arguments))?;
    let printer = printer(arguments)?;
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let passed_on = arguments.write.is_some() || printer.is_some();
    let ends_at_match = arguments.report.ends_at_match(passed_on);
    let options = PacketOptions {
        engine: arguments.engine,
        seed: arguments.seed,
        selection: &arguments.selection,
        snaplen: arguments.snaplen.most(),
        passed_on: passed_on || ends_at_match,
    };
    let matching = PacketMatching::new(&arguments.program, &arguments.captures, &inputs, options)?;
    let format = arguments.reading.format(arguments.format.format(arguments.write.as_deref(), &inputs)?);
    let left_out = LeftOut::of(&format);
    let output = output(arguments, format, &inputs)?;
    // A progress bar would disturb the lines.
    let progress = if printer.is_some() { Progress::Hidden } else { Progress::of(&inputs) };

    live::start(&mut inputs, options.snaplen, |link_type| matching.decision(link_type))?;
    let mut filter = Filter { matching, output, printer, left_out, ends_at_match };
    let outcome = match pipeline::run(&mut inputs, progress, arguments.reading, &mut filter) {
        Ok(outcome) => outcome,
        Err(failure) => {
            filter.output.into_iter().for_each(OutputSet::abandon);
            live::report(&inputs);
            return Err(failure);
        }
    };
    filter.flush()?;
    if !filter.left_out.is_empty() {
        say(format_args!("cbpf: warning: {}", filter.left_out));
    }
    if let Some(output) = &filter.output {
        arguments.reading.warn_of_unmerged(output);
        output.notes(outcome == Inputs::Whole).iter().for_each(|note| say(format_args!("cbpf: note: {note}")));
    }
    let mut summary = filter.matching.finish(&inputs)?;
    summary.set_outcome(outcome, &inputs);
    filter.output.map_or(Ok(()), |output| output.finish(&inputs, outcome == Inputs::Whole))?;
    let matches = summary.matches();
    arguments.report.print(&summary)?;
    print_summary(arguments, summary)?;
    live::report(&inputs);
    outcome.outcome()?;
    Ok(matches)
}

/// Creates the output, if there is one.
fn output(arguments: &Arguments, format: Format, inputs: &[Reader]) -> Result<Option<OutputSet>, Failure> {
    let limits = OutputLimits {
        rotation: arguments.rotation.rotation()?,
        packets: arguments.selection.most(),
        snaplen: arguments.snaplen.most(),
        write_behind: arguments.reading.has_threads(),
    };
    match &arguments.write {
        None if limits.rotation.is_active() => Err(Failure::Failed("-C and -G need -w".to_owned())),
        None => Ok(None),
        Some(path) => {
            arguments.reading.check_rotation(&format, limits.rotation)?;
            let compression = arguments.format.compression(path);
            Ok(Some(OutputSet::create([path.clone()], format, compression, limits, inputs)?))
        }
    }
}

/// The program and the outputs.
struct Filter<'a> {
    matching: PacketMatching<'a>,
    output: Option<OutputSet>,
    printer: Option<Printer<'a>>,
    left_out: LeftOut,
    /// Set if nothing is wanted after the first match.
    ends_at_match: bool,
}

impl Filter<'_> {
    /// Writes what was printed so far.
    fn flush(&mut self) -> Result<(), Failure> {
        self.printer.as_mut().map_or(Ok(()), Printer::flush)
    }
}

impl<'a> Work for Filter<'a> {
    type Matcher = PacketMatcher<'a>;

    fn matcher(&mut self) -> &mut PacketMatcher<'a> {
        &mut self.matching.matcher
    }

    fn prepare(&mut self, input: usize, records: Records) -> Result<(), Failure> {
        self.matching.prepare(input, records)
    }

    fn take(&mut self, input: usize, event: Event) -> Result<(), Failure> {
        match (event, &mut self.output) {
            (Event::Pause, output) => {
                output.as_mut().map_or(Ok(()), OutputSet::flush_to_readers)?;
                self.flush()
            }
            (Event::Block(block), Some(output)) => {
                self.left_out.block(&block);
                Ok(output.block(input, &block)?)
            }
            (Event::Block(_), None) => Ok(()),
            (Event::Selected(records), _) if self.ends_at_match => {
                if records.iter().next().is_some() {
                    Err(Failure::Found)
                } else {
                    Ok(())
                }
            }
            (Event::Selected(records), output) => records.iter().try_for_each(|(number, record, kept)| {
                let record = record.cut(kept[0] as usize);
                if let Some(output) = output
                    && output.write(0, input, &record)?
                {
                    self.left_out.record(&record);
                }
                self.printer.as_mut().map_or(Ok(()), |printer| printer.print(number, &record))
            }),
        }
    }

    fn is_done(&self) -> bool {
        self.matching.matcher.is_full() || self.output.as_ref().is_some_and(OutputSet::are_full)
    }

    fn takes_packets(&self) -> bool {
        self.output.is_some() || self.printer.is_some() || self.ends_at_match
    }

    fn is_divisible(&self) -> bool {
        self.matching.is_divisible() && !self.output.as_ref().is_some_and(OutputSet::can_be_full)
    }
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
        if !arguments.report.replaces_summary() {
            say(summary);
        }
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
