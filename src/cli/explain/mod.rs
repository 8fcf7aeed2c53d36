//! `cbpf explain`: shows the paths of packets through a program, as a picture, for graphviz, or as text.

mod block_groups;
mod colors;
mod dot_output;
mod layered_layout;
mod svg_box;
mod svg_output;
mod text_output;

use std::path::PathBuf;

use cbpf::LinkType;
use cbpf::debug::{Block, EdgeKind, Profile};
use clap::{Args, ValueEnum};
use indicatif::HumanCount;

use crate::cli::capture::Output;
use crate::cli::engine::Contexts;
use crate::cli::failure::Failure;
use crate::cli::input::{CaptureArguments, each_record};
use crate::cli::link_types::ByLinkType;
use crate::cli::print::{counted, instruction_lines};
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;

/// Draw the control-flow graph of a program, with the number of packets on each edge
///
/// Shows the basic blocks of the program as it is written. An expression is compiled and drawn for each link type of
/// the packets. Edges with more packets are darker and wider, edges and blocks without packets grey. In a browser,
/// details appear under the pointer. Four or more consecutive tests with the same target share a box of the picture,
/// each with its own count. A program of thousands of blocks may be too large for a picture, but not for dot and text.
/// The output appears under its name when it is complete.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf explain -p arp.asm -r in.pcap -o graph.svg")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    captures: CaptureArguments,

    /// Write to this file; - for standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    output: PathBuf,

    /// Write this format
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Svg)]
    format: Format,

    /// Seed the random numbers of `ld rand`, as for `cbpf run`
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A picture
    Svg,
    /// A graph in the DOT language
    Dot,
    /// A list of the blocks
    Text,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.captures.require_one_thread()?;
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |verified| Ok(Profile::new(&verified));
    let mut profiles = ByLinkType::new(&arguments.program, &arguments.captures, &inputs, load)?;
    let mut output = Output::create(&arguments.output)?;
    let mut contexts = Contexts::new(arguments.seed);
    let progress = Progress::of(&inputs);
    let outcome = each_record(&mut inputs, progress, |input, number, record| {
        if let Some(profile) = profiles.of_interface(input, record.interface)? {
            profile.run(contexts.packet(number, record, true));
        }
        Ok::<(), Failure>(())
    })?;
    profiles.finish(&inputs)?;
    let graphs = flow_graphs(profiles.into_items().collect())?;
    let text = match arguments.format {
        Format::Svg => svg_output::print(&graphs)?,
        Format::Dot => dot_output::print(&graphs),
        Format::Text => text_output::print(&graphs),
    };
    output.write(text.as_bytes())?;
    output.finish()?;
    outcome.outcome()
}

/// Returns a graph for each link type of which there are packets, or for all if there are none.
fn flow_graphs(mut profiles: Vec<(Option<LinkType>, Profile)>) -> Result<Vec<FlowGraph>, Failure> {
    if profiles.iter().any(|(_, profile)| profile.packets() > 0) {
        profiles.retain(|(_, profile)| profile.packets() > 0);
    }
    match &profiles[..] {
        [] => Err(Failure::Failed("expected --link-type: the captures are empty and state none".to_owned())),
        [(_, profile)] => Ok(vec![FlowGraph::new(None, profile)]),
        profiles => Ok(profiles.iter().map(|(link_type, profile)| FlowGraph::new(*link_type, profile)).collect()),
    }
}

/// The control-flow graph of a program, with counts of packets.
struct FlowGraph {
    /// The link type, if there are several graphs.
    link_type: Option<LinkType>,
    packets: u64,
    kept: u64,
    blocks: Vec<Block>,
    /// The lines of a listing.
    lines: Vec<String>,
}

impl FlowGraph {
    fn new(link_type: Option<LinkType>, profile: &Profile) -> FlowGraph {
        FlowGraph {
            link_type,
            packets: profile.packets(),
            kept: profile.kept(),
            blocks: profile.blocks(),
            lines: instruction_lines(profile.verified().program()),
        }
    }

    /// Returns a summary in one line.
    fn title(&self) -> String {
        let (packets, blocks) = (counted(self.packets, "packet"), counted(self.blocks.len() as u64, "block"));
        let instructions = counted(self.lines.len() as u64, "instruction");
        let link_type = self.link_type.map_or(String::new(), |link_type| format!("{link_type}: "));
        format!("{link_type}{packets}, {} kept; {instructions} in {blocks}", HumanCount(self.kept))
    }

    /// Returns the share of all packets, from 0 to 1.
    fn share(&self, packets: u64) -> f64 {
        if self.packets == 0 { 0.0 } else { packets as f64 / self.packets as f64 }
    }

    /// Formats a number of packets and its share: `137 packets, 52.7 %`.
    fn amount(&self, packets: u64) -> String {
        format!("{}, {}", counted(packets, "packet"), self.percent(packets))
    }

    /// Formats the share of all packets: `52.7 %`.
    fn percent(&self, packets: u64) -> String {
        format!("{:.1} %", 100.0 * self.share(packets))
    }

    /// Returns the instructions of a block with their numbers.
    fn listing(&self, block: &Block) -> impl Iterator<Item = String> {
        block.instructions.clone().map(|pc| format!("({pc:03}) {}", self.lines[pc]))
    }

    /// Returns the number of the first instruction of a block.
    fn start(&self, block: usize) -> usize {
        self.blocks[block].instructions.start
    }
}

/// Returns the label of edges of this kind.
fn edge_label(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::True => "true",
        EdgeKind::False => "false",
        EdgeKind::Always => "next",
    }
}
