//! `cbpf compile`: an expression of the filter language as a program.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use cbpf::{Dialect, Form, Instruction, LinkType, Program, Target, compile_expression};
use clap::Args;

use crate::cli::capture::input_name;
use crate::cli::expression::{ChainArguments, read_expression};
use crate::cli::failure::Failure;
use crate::cli::input::{form, one_of};
use crate::cli::print::print;
use crate::cli::program::quoted;
use crate::cli::warnings::WarningArguments;

/// Print the program of an expression, as tcpdump -d does
///
/// An expression that matches no packet, as `tcp and udp`, compiles to `ret #0`, with a warning.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf compile 'tcp port 443'
  cbpf compile --link-type RAW --to bytecode --dialect linux 'udp dst port 53'")]
pub struct Arguments {
    /// The expression: 'tcp port 443 and not host 10.0.0.1'; without any, all packets match
    #[arg(value_name = "EXPRESSION")]
    words: Vec<String>,

    /// File with the expression, # for comments; - for standard input
    #[arg(short = 'F', long, value_name = "FILE", conflicts_with = "words")]
    expression_file: Option<PathBuf>,

    /// The form to print
    #[arg(long, value_name = "FORM", default_value = "listing", value_parser = form())]
    to: Form,

    /// What the packets begin with: EN10MB, RAW, LINUX_SLL, ..., or the number of a capture file
    #[arg(long, value_name = "TYPE", default_value_t = LinkType::ETHERNET)]
    link_type: LinkType,

    /// The verdict on packets that match
    #[arg(long, value_name = "BYTES", default_value_t = 262_144)]
    snaplen: u32,

    /// The netmask of the network, which `ip broadcast` needs: 255.255.255.0, ...
    #[arg(long, value_name = "MASK")]
    netmask: Option<Ipv4Addr>,

    #[command(flatten)]
    chain: ChainArguments,

    /// Whose rules the program obeys: how long it may be
    #[arg(long, value_name = "DIALECT", default_value_t = Dialect::Pcap, value_parser = one_of(Dialect::ALL, Dialect::name))]
    dialect: Dialect,

    /// Ask the Linux kernel for what packets on a socket do not show: their direction, interface, and VLAN tags taken off
    #[arg(long)]
    linux_socket: bool,

    /// Print the program as it is generated
    #[arg(long)]
    no_optimize: bool,

    #[command(flatten)]
    warnings: WarningArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let expression = match &arguments.expression_file {
        Some(path) => read_expression(path)?,
        None => arguments.words.join(" "),
    };
    let mut target = Target::new(arguments.link_type).snaplen(arguments.snaplen).allow_reject_all(true);
    if let Some(netmask) = arguments.netmask {
        target = target.netmask(netmask.to_bits());
    }
    if arguments.linux_socket {
        target = target.linux_socket();
    }
    if !arguments.linux_socket || arguments.dialect != Dialect::Pcap {
        target = target.dialect(arguments.dialect);
    }
    let target = arguments.chain.apply(target);
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let mut program = compile_expression(&expression, &target).map_err(|error| failed(&error))?;
    arguments.chain.note(&expression, &target);
    let dialect = target.get_dialect();
    let rejects_all = |program: &Program| program.verify(dialect).is_ok_and(|verified| verified.rejects_all());
    let mut is_contradiction = rejects_all(&program);
    if !arguments.no_optimize {
        program = program.optimize(dialect).map_err(|error| failed(&error))?;
        is_contradiction |= rejects_all(&program);
        if is_contradiction {
            program = Program::from_iter([Instruction::ReturnConstant { verdict: 0 }]);
        }
    }
    if is_contradiction {
        let name = arguments.expression_file.as_deref().map(|path| input_name(path).to_string());
        let (name, link_type) = (name.unwrap_or_else(|| quoted(&expression)), arguments.link_type);
        arguments.warnings.warn(format_args!("{name} matches no packet of link type {link_type}"))?;
    }
    print(&program.print(arguments.to))
}
