//! The control-flow graph of a program, with counts of packets and the meanings of instructions.

use cbpf::debug::{Block, EdgeKind, meanings};
use cbpf::{LinkType, Verified};
use indicatif::HumanCount;

use super::Explained;
use crate::cli::print::{counted, instruction_lines};

/// The longest name of a program in a title, in characters.
const LONGEST_NAME: usize = 80;

/// The share of packets for which what is counted is drawn if no packets are counted.
const PLAIN_SHARE: f64 = 0.15;

/// The control-flow graph of a program, with counts of packets.
pub(super) struct FlowGraph {
    /// The expression or the file of the program.
    pub(super) name: String,
    /// The link type, if there are several graphs.
    pub(super) link_type: Option<LinkType>,
    /// Set if packets are counted; else no numbers of packets are shown.
    pub(super) has_traffic: bool,
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
    /// Creates the graph of a program with this name; its link type gives the instructions their meanings.
    pub(super) fn new(name: &str, program: &Explained) -> FlowGraph {
        let Explained { link_type, ref profile, has_traffic, .. } = *program;
        FlowGraph {
            name: shortened(name),
            link_type: None,
            has_traffic,
            packets: profile.packets(),
            kept: profile.kept(),
            blocks: profile.blocks(),
            listing: Listing::new(profile.verified(), link_type),
        }
    }

    /// Returns a summary in one line.
    pub(super) fn title(&self) -> String {
        let link_type = self.link_type.map_or(String::new(), |link_type| format!("{link_type}: "));
        let traffic = self.traffic().map_or(String::new(), |traffic| format!("{traffic}; "));
        format!("{link_type}{traffic}{}", self.size())
    }

    /// Returns the number of all packets, and that of kept ones, if they are counted.
    pub(super) fn traffic(&self) -> Option<String> {
        let traffic = || format!("{}, {} kept", counted(self.packets, "packet"), HumanCount(self.kept));
        self.has_traffic.then(traffic)
    }

    /// Returns the number of instructions and of blocks.
    pub(super) fn size(&self) -> String {
        let [instructions, blocks] = [(self.listing.lines.len(), "instruction"), (self.blocks.len(), "block")]
            .map(|(count, what)| counted(count as u64, what));
        format!("{instructions} in {blocks}")
    }

    /// Returns whether something is drawn as what packets pass: if they do, or if none are counted.
    pub(super) fn is_passed(&self, packets: u64) -> bool {
        packets > 0 || !self.has_traffic
    }

    /// Returns the share of all packets, from 0 to 1.
    pub(super) fn share(&self, packets: u64) -> f64 {
        match self.packets {
            _ if !self.has_traffic => PLAIN_SHARE,
            0 => 0.0,
            all => packets as f64 / all as f64,
        }
    }

    /// Formats a number of packets and its share, if packets are counted: `137 packets, 52.7 %`.
    pub(super) fn amount(&self, packets: u64) -> Option<String> {
        self.has_traffic.then(|| format!("{}, {}", counted(packets, "packet"), self.percent(packets)))
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
