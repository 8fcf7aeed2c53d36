//! `cbpf explain`: which ways packets take through a program, as a picture, for graphviz, or as text.

mod block_groups;
mod colors;
mod dot_output;
mod layered_layout;
mod svg_box;
mod svg_output;
mod text_output;

use std::path::PathBuf;

use cbpf::{Block, LinkType, Profile, Way};
use clap::{Args, ValueEnum};
use indicatif::HumanCount;

use crate::cli::capture::Output;
use crate::cli::engine::Surroundings;
use crate::cli::failure::Failure;
use crate::cli::input::{CaptureArguments, each_record};
use crate::cli::link_types::ByLinkType;
use crate::cli::listing;
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;

/// Draw the blocks of a program, and how many packets took each way between them
///
/// The blocks are those of the program as it is written; an expression has one for each link type of the packets, and each
/// is drawn. What more packets took is darker and wider, what none took is
/// grey; in a browser the picture tells more about what the pointer is on. Four or more tests in a row that lead to the
/// same place share a box of the picture, each with its own count. A program of thousands of blocks may be too large
/// for a picture, never for dot and text. The output appears under its name when it is complete.
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

    /// What to write
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Svg)]
    format: Format,

    /// Where the random numbers of `ld rand` begin, as in `cbpf run`
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A picture
    Svg,
    /// A graph in the DOT language
    Dot,
    /// The blocks one after the other
    Text,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |verified| Ok(Profile::new(&verified));
    let mut profiles = ByLinkType::new(&arguments.program, &arguments.captures, &inputs, load)?;
    let mut output = Output::create(&arguments.output)?;
    let mut surroundings = Surroundings::new(arguments.seed);
    let progress = Progress::of(&inputs);
    let outcome = each_record(&mut inputs, progress, |input, number, record| {
        if let Some(profile) = profiles.of_interface(input, record.interface)? {
            profile.run(surroundings.packet(number, record, true));
        }
        Ok::<(), Failure>(())
    })?;
    profiles.finish(&inputs)?;
    let flows = flows(profiles.into_items().collect())?;
    let text = match arguments.format {
        Format::Svg => svg_output::draw(&flows)?,
        Format::Dot => dot_output::print(&flows),
        Format::Text => text_output::print(&flows),
    };
    output.write(text.as_bytes())?;
    output.finish()?;
    outcome.outcome()
}

/// What is to be shown: one flow for each link type of which there are packets, or all if there are none.
fn flows(mut profiles: Vec<(Option<LinkType>, Profile)>) -> Result<Vec<Flow>, Failure> {
    if profiles.iter().any(|(_, profile)| profile.packets() > 0) {
        profiles.retain(|(_, profile)| profile.packets() > 0);
    }
    match &profiles[..] {
        [] => Err(Failure::Failed("--link-type is expected, since no capture says it".to_owned())),
        [(_, profile)] => Ok(vec![Flow::new(None, profile)]),
        profiles => Ok(profiles.iter().map(|(link_type, profile)| Flow::new(*link_type, profile)).collect()),
    }
}

/// What all formats show of one program.
struct Flow {
    /// What its packets begin with, if there are other flows.
    link_type: Option<LinkType>,
    packets: u64,
    kept: u64,
    blocks: Vec<Block>,
    /// The instructions of the program, as in a listing.
    lines: Vec<String>,
}

impl Flow {
    fn new(link_type: Option<LinkType>, profile: &Profile) -> Flow {
        Flow {
            link_type,
            packets: profile.packets(),
            kept: profile.kept(),
            blocks: profile.blocks(),
            lines: listing::lines(profile.verified().program()),
        }
    }

    /// One line about all.
    fn title(&self) -> String {
        let (packets, blocks) = (count(self.packets, "packet"), count(self.blocks.len() as u64, "block"));
        let instructions = count(self.lines.len() as u64, "instruction");
        let link_type = self.link_type.map_or(String::new(), |link_type| format!("{link_type}: "));
        format!("{link_type}{packets}, {} kept; {instructions} in {blocks}", HumanCount(self.kept))
    }

    /// The part of all packets, from 0 to 1.
    fn share(&self, packets: u64) -> f64 {
        if self.packets == 0 { 0.0 } else { packets as f64 / self.packets as f64 }
    }

    /// `137 packets, 52.7 %`
    fn amount(&self, packets: u64) -> String {
        format!("{}, {}", count(packets, "packet"), self.percent(packets))
    }

    /// `52.7 %`
    fn percent(&self, packets: u64) -> String {
        format!("{:.1} %", 100.0 * self.share(packets))
    }

    /// The instructions of a block with their numbers.
    fn listing(&self, block: &Block) -> impl Iterator<Item = String> {
        block.instructions.clone().map(|pc| format!("({pc:03}) {}", self.lines[pc]))
    }

    /// The number of the first instruction of a block.
    fn start(&self, block: usize) -> usize {
        self.blocks[block].instructions.start
    }
}

/// `1 packet`, `1,500 packets`
fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(number), if number == 1 { "" } else { "s" })
}

/// What an edge is called.
fn name(way: Way) -> &'static str {
    match way {
        Way::True => "true",
        Way::False => "false",
        Way::Always => "next",
    }
}
