//! `cbpf prove`: questions about all packets, answered by a proof or by a packet.

mod json;
mod operands;
mod packet_view;
mod side_by_side;
mod witness_file;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use cbpf::prove::{Options, Proof, ProveError, Unknown, Witness};
use cbpf::seccomp::Action;
use cbpf::{Dialect, LinkType};
use clap::{Args, Subcommand, value_parser};

use crate::cli::expression::ChainArguments;
use crate::cli::failure::{Failure, say};
use crate::cli::input::one_of;
use crate::cli::print::print;
use crate::cli::prove::operands::{Operands, Programs};
use crate::cli::seccomp::ArchArgument;
use crate::cli::warnings::WarningArguments;

/// Prove that programs keep the same packets, or find a packet on which they differ
///
/// Programs are files in any form, or expressions (-e), in the order in which they stand on the command line. The
/// answer is about all packets, and a packet is confirmed by the interpreter. Exit code 0 is yes, 1 is no, and 4 means
/// that neither a proof nor a packet was found. 1 is also the exit code of errors, which standard error reports.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf prove equal old.asm -e 'tcp port 443'
  cbpf prove implies -e 'tcp dst port 443' -e 'tcp port 443'
  cbpf prove overlap --dialect seccomp docker.bpf ours.bpf
  cbpf prove example -e 'vlan and tcp[tcpflags] & tcp-syn != 0' -w syn.pcap")]
pub struct Arguments {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand)]
enum Question {
    /// Do two programs keep the same packets?
    #[command(after_help = "Example:
  cbpf prove equal -e 'tcp port 443' -e 'tcp dst port 443 or tcp src port 443'")]
    Equal(QuestionArguments),
    /// Does the second program keep every packet that the first one keeps?
    #[command(after_help = "Example:
  cbpf prove implies -e 'tcp dst port 443' -e 'tcp port 443'")]
    Implies(QuestionArguments),
    /// Is there a packet that both programs keep?
    #[command(after_help = "Example:
  cbpf prove overlap monday.asm tuesday.asm")]
    Overlap(QuestionArguments),
    /// Is there a packet that a program keeps?
    #[command(after_help = "Example:
  cbpf prove example -e 'ip6 and udp port 53' -w dns.pcap")]
    Example(QuestionArguments),
}

/// The programs of a question, and what is assumed of packets.
#[derive(Args)]
struct QuestionArguments {
    #[command(flatten)]
    operands: Operands,

    /// Compile expressions for this link type, which is also that of the capture: EN10MB, RAW, LINUX_SLL, ..., or a
    /// number
    #[arg(long, value_name = "TYPE", default_value_t = LinkType::ETHERNET)]
    link_type: LinkType,

    /// Verify all programs by the rules of this dialect [default: seccomp if all are in the notation of seccomp-tools,
    /// pcap if one is an expression and none loads the metadata of Linux, else linux]
    #[arg(long, value_name = "DIALECT", value_parser = one_of(Dialect::ALL, Dialect::name))]
    dialect: Option<Dialect>,

    /// Netmask of the captured network, for `ip broadcast`. By default, only 255.255.255.255 and 0.0.0.0 are broadcast
    /// addresses
    #[arg(long, value_name = "MASK")]
    netmask: Option<Ipv4Addr>,

    #[command(flatten)]
    chain: ChainArguments,

    #[command(flatten)]
    arch: ArchArgument,

    /// Let packets have any length. By default, they are long enough for every load, so that no difference is found in
    /// packets that end within a header
    #[arg(long)]
    truncated: bool,

    /// Compare verdicts bit for bit, not only whether the packet is kept; for `equal`
    #[arg(long)]
    verdicts: bool,

    /// Assume that packets match this expression, or are kept by the program in this file
    #[arg(long, value_name = "EXPRESSION|FILE")]
    assume: Option<String>,

    /// Give up after this many nodes of a decision diagram, of about 40 bytes each [default: 1048576]
    #[arg(long, value_name = "NODES", value_parser = value_parser!(u64).range(1..=1 << 30))]
    max_nodes: Option<u64>,

    /// Give up after this many conflicts of the search that follows decision diagrams [default: 20000]
    #[arg(long, value_name = "CONFLICTS")]
    max_conflicts: Option<u64>,

    /// Write the packet to this capture, a pcap file; - for standard output. Without a packet, none is written
    #[arg(short, long = "write", value_name = "OUT")]
    write: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    warnings: WarningArguments,
}

/// A question without its programs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Equal,
    Implies,
    Overlap,
    Example,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Equal => "equal",
            Kind::Implies => "implies",
            Kind::Overlap => "overlap",
            Kind::Example => "example",
        }
    }

    fn programs(self) -> usize {
        if self == Kind::Example { 1 } else { 2 }
    }

    /// Returns whether a packet means yes: the library proves that there is none.
    fn asks_for_packet(self) -> bool {
        matches!(self, Kind::Overlap | Kind::Example)
    }
}

/// The answer to a question.
struct Answer {
    /// `None` if it is unknown.
    holds: Option<bool>,
    witness: Option<Witness>,
    unknown: Option<Unknown>,
}

impl Answer {
    fn new(kind: Kind, proof: Proof) -> Answer {
        let is_turned = kind.asks_for_packet();
        match proof {
            Proof::Holds => Answer { holds: Some(!is_turned), witness: None, unknown: None },
            Proof::Fails(witness) => Answer { holds: Some(is_turned), witness: Some(witness), unknown: None },
            Proof::Unknown(unknown) => Answer { holds: None, witness: None, unknown: Some(unknown) },
        }
    }

    fn outcome(&self) -> Result<(), Failure> {
        match self.holds {
            Some(true) => Ok(()),
            Some(false) => Err(Failure::No),
            None => Err(Failure::Undecided),
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.question {
        Question::Equal(arguments) => answer(Kind::Equal, arguments),
        Question::Implies(arguments) => answer(Kind::Implies, arguments),
        Question::Overlap(arguments) => answer(Kind::Overlap, arguments),
        Question::Example(arguments) => answer(Kind::Example, arguments),
    }
}

fn answer(kind: Kind, arguments: &QuestionArguments) -> Result<(), Failure> {
    if arguments.verdicts && kind != Kind::Equal {
        return Err(Failure::Failed("--verdicts belongs to `cbpf prove equal`".to_owned()));
    }
    let programs = arguments.operands.load(kind, arguments)?;
    let proof = ask(kind, arguments, &programs).map_err(|error| Failure::Failed(error.to_string()))?;
    let answer = Answer::new(kind, proof);
    if let (Some(path), Some(witness)) = (&arguments.write, &answer.witness) {
        witness_file::write(path, witness, programs.dialect, arguments.link_type)?;
    }
    let text = match arguments.json {
        true => json::answer(kind, arguments, &programs, &answer).to_string() + "\n",
        false => text(kind, arguments, &programs, &answer),
    };
    match arguments.write.as_ref().is_some_and(|path| path.as_os_str() == "-") && answer.witness.is_some() {
        true => say(text.trim_end()),
        false => print(text.as_bytes())?,
    }
    answer.outcome()
}

fn ask(kind: Kind, arguments: &QuestionArguments, programs: &Programs) -> Result<Proof, ProveError> {
    let mut options = Options::new().truncated(arguments.truncated).verdicts(arguments.verdicts);
    options = options.assuming(programs.assumed.as_ref().map(|assumed| assumed.verified.clone()));
    if let Some(max_nodes) = arguments.max_nodes {
        options = options.max_nodes(usize::try_from(max_nodes).unwrap_or(usize::MAX));
    }
    if let Some(max_conflicts) = arguments.max_conflicts {
        options = options.max_conflicts(max_conflicts);
    }
    let (a, b) = (&programs.first().verified, &programs.last().verified);
    match kind {
        Kind::Equal => options.equivalent(a, b),
        Kind::Implies => options.implies(a, b),
        Kind::Overlap => options.overlap(a, b),
        Kind::Example => options.example(a),
    }
}

/// Returns the answer in a sentence, and the packet with the traces of the programs, if there is one.
fn text(kind: Kind, arguments: &QuestionArguments, programs: &Programs, answer: &Answer) -> String {
    let mut text = sentence(kind, arguments, programs, answer) + "\n";
    if let Some(witness) = &answer.witness {
        text += "\n";
        text += &match programs.dialect {
            Dialect::Seccomp => packet_view::system_call(witness),
            _ => packet_view::packet(witness, arguments.link_type),
        };
        text += "\n";
        text += &side_by_side::traces(programs, witness, arguments.arch.get());
    }
    text
}

fn sentence(kind: Kind, arguments: &QuestionArguments, programs: &Programs, answer: &Answer) -> String {
    let (a, b) = (&programs.first().name, &programs.last().name);
    let is_seccomp = programs.dialect == Dialect::Seccomp;
    let (keeps, keep, thing) =
        if is_seccomp { ("allows", "allow", "system call") } else { ("keeps", "keep", "packet") };
    match (kind, answer.holds, &answer.unknown) {
        (_, _, Some(unknown)) => {
            let hint = if *unknown == Unknown::Bounds { " (--max-nodes, --max-conflicts)" } else { "" };
            return format!("unknown: {unknown}{hint}");
        }
        (_, None, None) => return "unknown".to_owned(),
        _ => {}
    }
    let holds = answer.holds == Some(true);
    let sentence = match kind {
        Kind::Equal if holds && is_seccomp => format!("equal: {a} and {b} have the same action for every system call"),
        Kind::Equal if holds && arguments.verdicts => format!("equal: {a} and {b} have the same verdicts"),
        Kind::Equal if holds => format!("equal: {a} and {b} keep the same packets"),
        Kind::Equal => {
            let does = |program: usize| verdict(answer, program, programs.dialect, arguments.verdicts);
            format!("not equal: {a} {} this {thing}, {b} {} it", does(0), does(1))
        }
        Kind::Implies if holds => format!("implied: {b} {keeps} every {thing} that {a} {keeps}"),
        Kind::Implies => format!("not implied: {a} {keeps} this {thing}, {b} does not"),
        Kind::Overlap if holds => format!("overlap: {a} and {b} both {keep} this {thing}"),
        Kind::Overlap => format!("no overlap: {a} and {b} {keep} no {thing} in common"),
        Kind::Example if holds => format!("example: {a} {keeps} this {thing}"),
        Kind::Example => format!("no example: {a} {keeps} no {thing}"),
    };
    match answer.witness {
        Some(_) => sentence,
        None => sentence + &assumptions(arguments, programs),
    }
}

/// Returns what a program does with the packet.
fn verdict(answer: &Answer, program: usize, dialect: Dialect, is_exact: bool) -> String {
    let verdict = answer.witness.as_ref().and_then(|witness| witness.verdicts().get(program)).copied().unwrap_or(0);
    match dialect {
        Dialect::Seccomp => format!("returns {} for", Action::from(verdict)),
        _ if is_exact => format!("returns {verdict} for"),
        _ if verdict == 0 => "rejects".to_owned(),
        _ => "keeps".to_owned(),
    }
}

/// Returns what a proof assumes, as the end of a sentence.
fn assumptions(arguments: &QuestionArguments, programs: &Programs) -> String {
    let is_seccomp = programs.dialect == Dialect::Seccomp;
    let lengths = match arguments.truncated {
        _ if is_seccomp => None,
        true => Some("of any length".to_owned()),
        false => Some("long enough for every load".to_owned()),
    };
    let keeps = if is_seccomp { "allowed by" } else { "kept by" };
    let assumed = programs.assumed.as_ref().map(|assumed| format!("{keeps} {}", assumed.name));
    let assumptions: Vec<String> = lengths.into_iter().chain(assumed).collect();
    if assumptions.is_empty() { String::new() } else { format!(" (of all that are {})", assumptions.join(", and ")) }
}
