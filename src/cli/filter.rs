//! `cbpf filter`: counts the packets of captures that a program keeps, and writes them to a capture.

use std::io::{Write, stdout};
use std::mem;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::capture::{Format, LeftOut, Output, Records, Writer};
use crate::cli::engine::{Contexts, Engine, EngineChoice};
use crate::cli::failure::{Failure, say};
use crate::cli::input::CaptureArguments;
use crate::cli::link_types::{ByLinkType, Programs};
use crate::cli::pipeline::{self, Event, Matcher, Selection, ThreadArguments, Work};
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

    #[command(flatten)]
    threads: ThreadArguments,

    /// Print the summary as JSON, on standard output, or on standard error if packets are written to standard output
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |verified| Engine::load(arguments.engine, verified);
    let engines = ByLinkType::new(&arguments.program, &arguments.captures, &inputs, load)?;
    let create = |path| Writer::new(Output::create(path)?, &Format::of(&inputs));
    let writer = arguments.write.as_deref().map(create).transpose()?;
    let matcher = FilterMatcher {
        engines: engines.programs().clone(),
        contexts: Contexts::new(arguments.seed),
        verdicts: Vec::new(),
        summary: Summary::start(),
        is_whole: arguments.program.keeps_whole_packets(),
        is_passed_on: writer.is_some(),
    };
    let mut filtering = Filtering { engines, matcher, writer, left_out: LeftOut::default(), seed: arguments.seed };
    let progress = Progress::of(&inputs);
    let outcome = pipeline::run(&mut inputs, progress, arguments.threads, &mut filtering)?;

    let Filtering { mut engines, matcher, writer, left_out, .. } = filtering;
    if !left_out.is_empty() {
        say(format_args!("cbpf: warning: {left_out}"));
    }
    engines.finish(&inputs)?;
    if let Some(writer) = writer {
        writer.finish(&inputs)?;
    }
    print_summary(arguments, matcher.summary)?;
    outcome.outcome()
}

/// The programs, and the output.
struct Filtering<'a> {
    engines: ByLinkType<'a, Engine>,
    matcher: FilterMatcher,
    writer: Option<Writer>,
    left_out: LeftOut,
    seed: Option<u64>,
}

impl Work for Filtering<'_> {
    type Matcher = FilterMatcher;

    fn matcher(&mut self) -> &mut FilterMatcher {
        &mut self.matcher
    }

    fn prepare(&mut self, input: usize, records: Records) -> Result<(), Failure> {
        for (link_type, records) in records.by_link_type() {
            if self.matcher.engines.is_silent(link_type) {
                continue;
            }
            self.engines.of(input, link_type, records.iter().map(|record| record.interface))?;
            if !self.matcher.engines.is_known(link_type) {
                self.matcher.engines = self.engines.programs().clone();
            }
        }
        Ok(())
    }

    fn take(&mut self, input: usize, event: Event) -> Result<(), Failure> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        match event {
            Event::Pause => Ok(writer.flush_to_readers()?),
            Event::Block(block) => {
                self.left_out.block(&block);
                Ok(writer.block(input, &block)?)
            }
            Event::Selected(records) => records.iter().try_for_each(|(_, record, kept)| {
                let record = record.cut(kept[0] as usize);
                self.left_out.record(&record);
                Ok(writer.write(input, &record)?)
            }),
        }
    }

    fn takes_packets(&self) -> bool {
        self.writer.is_some()
    }

    /// The random numbers of a seed depend on the numbers of packets.
    fn is_divisible(&self) -> bool {
        self.seed.is_none()
    }
}

/// Runs the programs.
#[derive(Clone)]
struct FilterMatcher {
    engines: Programs<Engine>,
    contexts: Contexts,
    verdicts: Vec<u32>,
    summary: Summary,
    /// Whether matching packets are kept whole, even if they are longer than the 262,144 bytes for which an expression is
    /// compiled.
    is_whole: bool,
    is_passed_on: bool,
}

impl Matcher for FilterMatcher {
    type Tally = Summary;

    fn is_prepared(&self, records: &Records) -> bool {
        records.by_link_type().all(|(link_type, _)| self.engines.is_silent(link_type))
    }

    fn select(&mut self, first: u64, records: Records, selection: &mut Selection) {
        self.verdicts.clear();
        for (link_type, records) in records.by_link_type() {
            let first = first + self.verdicts.len() as u64;
            match self.engines.get(link_type) {
                Some(engine) => engine.run_all(&mut self.contexts, first, records, &mut self.verdicts),
                None => self.verdicts.resize(self.verdicts.len() + records.len(), 0),
            }
        }
        for (position, (record, &verdict)) in records.iter().zip(&self.verdicts).enumerate() {
            let captured = record.data.len();
            let kept = if self.is_whole { captured } else { captured.min(verdict as usize) };
            self.summary.count(captured, (verdict != 0).then_some(kept));
            if verdict != 0 && self.is_passed_on {
                selection.push(position, first + position as u64, &[kept as u32]);
            }
        }
    }

    fn take_tally(&mut self) -> Summary {
        mem::replace(&mut self.summary, Summary::start())
    }

    fn add(&mut self, tally: Summary) {
        self.summary.add(&tally);
    }
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
