//! `cbpf explain`: shows the paths of packets through a program: as a page, as a picture, for graphviz, or as text.

mod block_groups;
mod colors;
mod dot_output;
mod flow_graph;
mod layered_layout;
mod legend;
mod page;
mod sample;
mod svg_box;
mod svg_output;
mod text_output;

use std::ffi::OsStr;
use std::path::PathBuf;

use cbpf::debug::Profile;
use cbpf::lang::Warning;
use cbpf::{LinkType, Packet, Verified};
use clap::{Args, ValueEnum};

use crate::cli::capture::{Output, Record};
use crate::cli::engine::Contexts;
use crate::cli::failure::Failure;
use crate::cli::input::{CaptureArguments, each_record};
use crate::cli::link_types::ByLinkType;
use crate::cli::print_packets::described;
use crate::cli::program::{ProgramArguments, ProgramSource, StageArguments};
use crate::cli::progress::Progress;

use flow_graph::FlowGraph;
use sample::{Sample, SampledPacket};

/// Draw the control-flow graph of a program, with the number of packets on each edge, or explain it as a page
///
/// Shows the basic blocks of the program, with what its instructions mean. An expression is compiled, as `cbpf compile`
/// does, and drawn for each link type of the packets; without a capture, for that of --link-type, and without numbers
/// of packets. Edges with more packets are darker and wider, edges and blocks without packets grey. In a browser,
/// details appear under the pointer. Four or more consecutive tests with the same target share a box of the picture,
/// each with its own count; of more than 14, only the busiest ten are shown. A program of thousands of blocks may be
/// too large for a picture, but not for dot and text. A page, in HTML, needs no network: it has the expression and its
/// tree, the program before and after it is optimised, the picture, and some packets to step through. The output
/// appears under its name when it is complete.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf explain 'tcp port 443' -r in.pcap -o page.html
  cbpf explain 'tcp port 443' -o graph.svg
  cbpf explain -p arp.asm -r in.pcap -o graph.svg")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    captures: CaptureArguments,

    /// Write to this file, whose extension says the format: .html, .svg, .dot or .txt; - for standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    output: PathBuf,

    /// Write this format [default: what the extension of the output says, svg without one]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    #[command(flatten)]
    stage: StageArguments,

    /// Seed the random numbers of `ld rand`, as for `cbpf run`
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A page with packets to step through
    Html,
    /// A picture
    Svg,
    /// A graph in the DOT language
    Dot,
    /// A list of the blocks
    Text,
}

impl Arguments {
    /// Returns the format: `--format`, or that of the extension of the output.
    ///
    /// # Errors
    /// If no format has the extension.
    fn format(&self) -> Result<Format, Failure> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let Some(extension) = self.output.extension().map(OsStr::to_ascii_lowercase) else { return Ok(Format::Svg) };
        let known = EXTENSIONS.iter().find(|(name, _)| extension == *name);
        known.map(|&(_, format)| format).ok_or_else(|| {
            Failure::Failed(format!(
                "{}: the formats are .html, .svg, .dot and .txt; for another name, give --format",
                self.output.display()
            ))
        })
    }
}

/// The extensions of the formats.
#[rustfmt::skip]
static EXTENSIONS: [(&str, Format); 7] = [
    ("html", Format::Html),
    ("htm",  Format::Html),
    ("svg",  Format::Svg),
    ("dot",  Format::Dot),
    ("gv",   Format::Dot),
    ("txt",  Format::Text),
    ("text", Format::Text),
];

/// A program and its traffic.
struct Explained {
    /// The link type that gives instructions their meanings.
    link_type: LinkType,
    /// Set until the first packet states the link type, if one program is used for all.
    is_assumed: bool,
    /// The program whose traffic is shown.
    profile: Profile,
    /// Set if there are captures, perhaps without packets.
    has_traffic: bool,
    stages: Option<Stages>,
}

/// What a page shows beside the program and its traffic.
struct Stages {
    /// The program before it is optimised, and after it.
    programs: [Verified; 2],
    /// Which of them is the one whose traffic is shown.
    shown: usize,
    sample: Sample,
    /// Why the expression, or a part of it, matches nothing or everything.
    warnings: Vec<Warning>,
}

impl Explained {
    /// Loads a program; for a page, both of its stages.
    fn load(
        arguments: &Arguments,
        source: &ProgramSource,
        link_type: LinkType,
        verified: Verified,
    ) -> Result<Explained, Failure> {
        let is_page = arguments.format()? == Format::Html;
        let is_optimized = arguments.stage.is_optimized(source);
        let mut shown = verified.clone();
        let mut stages = None;
        if is_page || is_optimized {
            let optimized = arguments.program.optimized(source, link_type, &verified)?;
            if is_optimized {
                shown = optimized.clone();
            }
            stages = is_page.then(|| Stages {
                programs: [verified, optimized],
                shown: is_optimized.into(),
                sample: Sample::default(),
                warnings: arguments.program.lint(source, link_type),
            });
        }
        let is_assumed = source.expression().is_none();
        let has_traffic = arguments.captures.are_given(&arguments.program);
        Ok(Explained { link_type, is_assumed, profile: Profile::new(&shown), has_traffic, stages })
    }

    fn run(&mut self, number: u64, record: &Record, packet: Packet) {
        if std::mem::take(&mut self.is_assumed) {
            self.link_type = record.interface.link_type();
        }
        self.profile.run(packet);
        if let Some(Stages { programs, shown, sample, .. }) = &mut self.stages {
            let (program, other) = (&programs[*shown], &programs[1 - *shown]);
            let make = || SampledPacket::new(number, described(number, record), packet, program, other);
            sample.add(self.profile.last_path(), make);
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let format = arguments.format()?;
    arguments.captures.require_one_thread()?;
    if !arguments.captures.are_given(&arguments.program) {
        return run_alone(arguments, format);
    }
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |source: &ProgramSource, link_type, verified| Explained::load(arguments, source, link_type, verified);
    let mut programs = ByLinkType::with_source(&arguments.program, &arguments.captures, &inputs, load)?;
    let mut output = Output::create(&arguments.output)?;
    let mut contexts = Contexts::new(arguments.seed);
    let progress = Progress::of(&inputs);
    let outcome = each_record(&mut inputs, progress, |input, number, record| {
        if let Some(explained) = programs.of_interface(input, record.interface)? {
            explained.run(number, record, contexts.packet(number, record, true));
        }
        Ok::<(), Failure>(())
    })?;
    programs.finish(&inputs)?;
    let name = arguments.program.full_name(programs.source());
    let expression = programs.source().expression().map(str::to_owned);
    let programs = with_traffic(programs.into_items().collect())?;
    output.write(text(format, &name, expression.as_deref(), programs)?.as_bytes())?;
    output.finish()?;
    outcome.outcome()
}

/// Explains a program without captures.
fn run_alone(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let (source, link_type) = arguments.program.source_alone()?;
    let verified =
        arguments.program.verified(&source, link_type).map_err(|failure| arguments.program.hinted(failure))?;
    let mut output = Output::create(&arguments.output)?;
    let explained = Explained::load(arguments, &source, link_type, verified)?;
    let name = arguments.program.full_name(&source);
    output.write(text(format, &name, source.expression(), vec![explained])?.as_bytes())?;
    Ok(output.finish()?)
}

/// Prints programs in a format.
fn text(format: Format, name: &str, expression: Option<&str>, programs: Vec<Explained>) -> Result<String, Failure> {
    Ok(match format {
        Format::Html => page::print(name, expression, programs),
        Format::Svg => svg_output::print(&graphs(name, &programs))?,
        Format::Dot => dot_output::print(&graphs(name, &programs)),
        Format::Text => text_output::print(&graphs(name, &programs)),
    })
}

/// Returns the programs for link types of which there are packets, or all if there are none.
fn with_traffic(programs: Vec<(Option<LinkType>, Explained)>) -> Result<Vec<Explained>, Failure> {
    let mut programs: Vec<Explained> = programs.into_iter().map(|(_, program)| program).collect();
    if programs.iter().any(|program| program.profile.packets() > 0) {
        programs.retain(|program| program.profile.packets() > 0);
    }
    match programs.is_empty() {
        true => Err(Failure::Failed("expected --link-type: the captures are empty and state none".to_owned())),
        false => Ok(programs),
    }
}

/// Returns the graphs of all programs; those of several link types state theirs.
fn graphs(name: &str, programs: &[Explained]) -> Vec<FlowGraph> {
    let graph = |program: &Explained| {
        let link_type = (programs.len() > 1).then_some(program.link_type);
        FlowGraph { link_type, ..FlowGraph::new(name, program) }
    };
    programs.iter().map(graph).collect()
}
