//! Live captures: their options, the filter of the kernel, and the counts at the end.
//!
//! - An expression has the meaning that it has for tcpdump -i: its program runs on the frame without the VLAN tag that
//!   the kernel or the network card has removed, and knows the tag, the direction and the interface.
//! - The kernel runs the same program, optimised, or none. The engine runs it again on each packet, in its context.

use cbpf::packet::Extension;
#[cfg(target_os = "linux")]
use cbpf::socket::live::Options;
use cbpf::{FilterSet, Instruction, LinkType, Program, Verified};
use clap::Args;
use indicatif::HumanCount;

use crate::cli::capture::{KernelProgram, Reader, Statistics};
use crate::cli::failure::{Failure, say};
use crate::cli::print::counted;

/// An interface to read packets from, in place of captures.
#[derive(Args)]
pub struct LiveArguments {
    /// Capture from this interface, by name or index, until Ctrl-C; `any` for all interfaces. Needs CAP_NET_RAW.
    /// `cbpf -D` lists interfaces. Expressions have the meaning that they have for tcpdump -i: `vlan 5` also finds tags
    /// that the network card removes, `inbound` and `outbound` are known, and packets that the kernel need not pass on
    /// are not counted
    #[arg(short, long, value_name = "INTERFACE")]
    interface: Option<String>,

    /// Do not make the interface receive packets for other hosts
    #[arg(long, requires = "interface")]
    no_promiscuous: bool,

    /// The size of the buffer for captured packets
    #[arg(long, value_name = "MIB", requires = "interface", default_value_t = 32,
        value_parser = clap::value_parser!(u32).range(2..=16_384))]
    buffer_size: u32,

    /// Capture and match with this many threads, which share the packets by their flows. Each has a buffer of its own.
    /// Packets that are written or printed are put in the order of their times
    #[arg(long, value_name = "THREADS", requires = "interface", value_parser = clap::value_parser!(u16).range(1..=256))]
    fanout: Option<u16>,
}

impl LiveArguments {
    /// Returns the interface, if there is one.
    pub fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// Returns the number of threads, if it was given.
    pub fn threads(&self) -> Option<u16> {
        self.fanout
    }

    /// Opens the interface, if there is one.
    pub fn open(&self) -> Result<Option<Reader>, Failure> {
        self.interface().map(|interface| self.listen(interface)).transpose()
    }

    #[cfg(target_os = "linux")]
    fn listen(&self, interface: &str) -> Result<Reader, Failure> {
        let buffer_size = (self.buffer_size as usize) << 20;
        let options = Options::new().promiscuous(!self.no_promiscuous).buffer_size(buffer_size);
        Ok(Reader::listen(interface, options, self.fanout.unwrap_or(1))?)
    }

    #[cfg(not(target_os = "linux"))]
    fn listen(&self, _: &str) -> Result<Reader, Failure> {
        let _ = (self.no_promiscuous, self.buffer_size);
        Err(Failure::Failed("live capture is available on Linux only".to_owned()))
    }
}

/// What decides on the packets of a link type.
pub enum Decision<'a> {
    Program(Verified),
    Rules(&'a FilterSet),
}

/// Begins the live captures among the inputs, of whose packets at most `snaplen` bytes are wanted, with what decides on
/// their packets as the filter of the kernel. Packets of a cooked capture do not have its header there, so the kernel
/// passes on all of them for rules and for some programs.
///
/// # Errors
/// If an interface cannot be captured from, or the program reads what a capture does not report.
pub fn start<'a>(
    inputs: &mut [Reader],
    snaplen: Option<u32>,
    decision: impl Fn(LinkType) -> Option<Decision<'a>>,
) -> Result<(), Failure> {
    for input in inputs.iter_mut().filter(|input| input.is_live()) {
        let interface = input.pcap_interface();
        let is_cooked = interface.is_some_and(|interface| interface.link_type_number == COOKED);
        let program = match interface.and_then(|interface| decision(interface.link_type())) {
            None => None,
            Some(Decision::Program(verified)) => {
                check(verified.program())?;
                if is_cooked { KernelProgram::of_cooked(&verified) } else { KernelProgram::new(&verified) }
            }
            Some(Decision::Rules(set)) => {
                if is_cooked {
                    None
                } else {
                    KernelProgram::of_set(set)
                }
            }
        };
        input.start(program.as_ref(), snaplen)?;
    }
    Ok(())
}

/// The LINKTYPE number of cooked captures.
const COOKED: u16 = 276;

/// Checks that a program reads only what a capture reports.
fn check(program: &Program) -> Result<(), Failure> {
    let missing = |extension: &Extension| {
        matches!(
            extension,
            Extension::Mark | Extension::Queue | Extension::ReceiveHash | Extension::Cpu | Extension::Random
        )
    };
    match extensions(program).find(missing) {
        Some(extension) => Err(Failure::Failed(format!(
            "the program reads `{}`, which is not known of captured packets; attach it to a socket instead",
            extension.name()
        ))),
        None => Ok(()),
    }
}

/// Returns the ancillary loads of a program.
pub fn extensions(program: &Program) -> impl Iterator<Item = Extension> {
    program.instructions().iter().filter_map(|&raw| match Instruction::from(raw) {
        Instruction::LoadExtension(extension) => Some(extension),
        _ => None,
    })
}

/// Prints the counts of the kernel for live captures.
pub fn report(inputs: &[Reader]) {
    for Statistics { received, dropped, .. } in inputs.iter().filter_map(Reader::statistics) {
        let (received, dropped) = (counted(received, "packet"), HumanCount(dropped));
        say(format_args!("{received} received by the kernel's filter, {dropped} dropped"));
    }
}

/// Prints a table of the interfaces.
#[cfg(target_os = "linux")]
pub fn print_interfaces() -> Result<(), Failure> {
    use cbpf::socket::live::Interface;
    let mut interfaces = Interface::all().map_err(|error| Failure::Input(error.to_string()))?;
    interfaces.push(Interface::any());
    let width = interfaces.iter().map(|interface| interface.name().len()).max().unwrap_or(0).max(4);
    let mut table = format!("{:>5}  {:width$}  {:5}  link type\n", "index", "name", "state");
    for interface in interfaces {
        let state = if interface.is_up() { "up" } else { "down" };
        let link_type = LinkType::new(interface.link_type().into());
        table += &format!("{:>5}  {:width$}  {state:5}  {link_type}\n", interface.index(), interface.name());
    }
    crate::cli::print::print(table.as_bytes())
}

#[cfg(not(target_os = "linux"))]
pub fn print_interfaces() -> Result<(), Failure> {
    Err(Failure::Failed("live capture is available on Linux only".to_owned()))
}
