//! `cbpf compile`: compiles an expression of the filter language to a program.

use cbpf::{Instruction, LinkType, Program};
use clap::Args;

use crate::cli::capture::input_name;
use crate::cli::expression::{Compiled, ExpressionArguments, compile, quoted};
use crate::cli::failure::Failure;
use crate::cli::output::{OutputArguments, OutputForm, output_form};

/// Print the program of an expression, as tcpdump -d does, or compile it to eBPF, C or Rust
///
/// An expression that matches no packet, such as `tcp and udp`, compiles to `ret #0`, with a warning.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf compile 'tcp port 443'
  cbpf compile --link-type RAW --to bytecode --dialect linux 'udp dst port 53'
  cbpf compile --to ebpf-object --hook xdp -o https.o 'tcp port 443'
  cbpf compile --to rust --name is_https -o https.rs 'tcp port 443'")]
pub struct Arguments {
    /// Expression to compile: 'tcp port 443 and not host 10.0.0.1'. The empty expression matches all packets
    #[arg(value_name = "EXPRESSION")]
    words: Vec<String>,

    #[command(flatten)]
    expression: ExpressionArguments,

    /// Print this form
    #[arg(long, value_name = "FORM", default_value = "listing", value_parser = output_form())]
    to: OutputForm,

    /// Return this verdict for packets that match
    #[arg(long, value_name = "BYTES", default_value_t = 262_144)]
    snaplen: u32,

    /// Compile for a Linux socket: load the direction, the interface and stripped VLAN tags from the kernel's metadata.
    /// Implies --dialect linux
    #[arg(long)]
    linux_socket: bool,

    /// Print the program without optimising it
    #[arg(long)]
    no_optimize: bool,

    #[command(flatten)]
    output: OutputArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.output.check(arguments.to)?;
    let expression = arguments.expression.read(&arguments.words)?;
    let link_type = arguments.expression.link_type.unwrap_or(LinkType::ETHERNET);
    let mut target = arguments.expression.target(link_type).snaplen(arguments.snaplen);
    if arguments.linux_socket {
        target = target.linux_socket();
    }
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let Compiled { verified, mut rejects_all } = compile(&expression, &target).map_err(|error| failed(&error))?;
    let mut program = verified.program().clone();
    let dialect = target.get_dialect();
    if !arguments.no_optimize {
        program = program.optimize(dialect).map_err(|error| failed(&error))?;
        rejects_all |= program.verify(dialect).is_ok_and(|verified| verified.rejects_all());
        if rejects_all {
            program = Program::from_iter([Instruction::ReturnConstant { verdict: 0 }]);
        }
    }
    if rejects_all {
        let name = arguments.expression.expression_file.as_deref().map(|path| input_name(path).to_string());
        let name = name.unwrap_or_else(|| quoted(&expression));
        arguments.expression.warnings.warn(format_args!("{name} matches no packet of link type {link_type}"))?;
    }
    match arguments.to {
        OutputForm::Classic(form) => arguments.output.write_classic(&program, form),
        form if rejects_all => {
            let verified = program.verify(dialect).map_err(|error| failed(&error))?;
            arguments.output.write_compiled(&verified, form, &expression)
        }
        form => arguments.output.write_compiled(&verified, form, &expression),
    }
}
