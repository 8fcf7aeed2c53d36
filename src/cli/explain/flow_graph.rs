//! The control-flow graph of a program, with counts of packets and the meanings of instructions.

use cbpf::debug::{Block, EdgeKind, Profile, meanings};
use cbpf::{LinkType, Verified};
use indicatif::HumanCount;

use crate::cli::print::{counted, instruction_lines};

/// The longest name of a program in a title, in characters.
const LONGEST_NAME: usize = 80;

/// The control-flow graph of a program, with counts of packets.
pub(super) struct FlowGraph {
    /// The expression or the file of the program.
    pub(super) name: String,
    /// The link type, if there are several graphs.
    pub(super) link_type: Option<LinkType>,
    pub(super) packets: u64,
    pub(super) kept: u64,
    pub(super) blocks: Vec<Block>,
    pub(super) listing: Listing,
}

/// The instructions of a program in words.
pub(super) struct Listing {
    /// The lines of a listing, without numbers.
    pub(super) lines: Vec<String>,
    /// The meanings of instructions, as far as they are known.
    pub(super) meanings: Vec<Option<String>>,
}

impl Listing {
    pub(super) fn new(verified: &Verified, link_type: LinkType) -> Listing {
        Listing { lines: instruction_lines(verified.program()), meanings: meanings(verified, link_type) }
    }

    /// Returns the meaning of an instruction, if it is known.
    pub(super) fn meaning(&self, pc: usize) -> Option<&str> {
        self.meanings.get(pc)?.as_deref()
    }

    /// Returns an instruction with its number, and without its targets.
    pub(super) fn short(&self, pc: usize) -> String {
        let line = &self.lines[pc];
        format!("({pc:03}) {}", line.find(" jt ").map_or(line.as_str(), |targets| &line[..targets]))
    }
}

impl FlowGraph {
    /// Creates the graph of a program with this name; packets of `link_type` give the instructions their meanings.
    pub(super) fn new(name: &str, link_type: LinkType, profile: &Profile) -> FlowGraph {
        FlowGraph {
            name: shortened(name),
            link_type: None,
            packets: profile.packets(),
            kept: profile.kept(),
            blocks: profile.blocks(),
            listing: Listing::new(profile.verified(), link_type),
        }
    }

    /// Returns a summary in one line.
    pub(super) fn title(&self) -> String {
        let (packets, blocks) = (counted(self.packets, "packet"), counted(self.blocks.len() as u64, "block"));
        let instructions = counted(self.listing.lines.len() as u64, "instruction");
        let link_type = self.link_type.map_or(String::new(), |link_type| format!("{link_type}: "));
        format!("{link_type}{packets}, {} kept; {instructions} in {blocks}", HumanCount(self.kept))
    }

    /// Returns the share of all packets, from 0 to 1.
    pub(super) fn share(&self, packets: u64) -> f64 {
        if self.packets == 0 { 0.0 } else { packets as f64 / self.packets as f64 }
    }

    /// Formats a number of packets and its share: `137 packets, 52.7 %`.
    pub(super) fn amount(&self, packets: u64) -> String {
        format!("{}, {}", counted(packets, "packet"), self.percent(packets))
    }

    /// Formats the share of all packets: `52.7 %`.
    pub(super) fn percent(&self, packets: u64) -> String {
        format!("{:.1} %", 100.0 * self.share(packets))
    }

    /// Returns the instructions of a block with their numbers and meanings.
    pub(super) fn lines(&self, block: &Block) -> impl Iterator<Item = String> {
        block.instructions.clone().map(|pc| {
            let line = format!("({pc:03}) {}", self.listing.lines[pc]);
            self.listing.meaning(pc).map_or(line.clone(), |meaning| format!("{line:<36} ; {meaning}"))
        })
    }

    /// Returns the number of the first instruction of a block.
    pub(super) fn start(&self, block: usize) -> usize {
        self.blocks[block].instructions.start
    }
}

/// Returns the label of edges of this kind.
pub(super) fn edge_label(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::True => "true",
        EdgeKind::False => "false",
        EdgeKind::Always => "next",
    }
}

/// Returns a name in one line, or the beginning of a long one.
fn shortened(name: &str) -> String {
    let words = name.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{} ...", &words[..end]),
        None => words,
    }
}
