//! The command line: parses the arguments, runs the subcommand, and maps its result to an exit code.

#![expect(clippy::incompatible_msrv, reason = "the program contains the code generator, which needs a newer compiler")]

mod bench;
mod capture;
mod compile;
mod completions;
mod convert;
mod count;
mod ebpf;
mod engine;
mod explain;
mod expression;
mod failure;
mod filter;
mod filter_habits;
mod input;
mod install_docs;
mod interrupt;
mod limits;
mod link_types;
mod live;
mod man;
mod manual;
mod output;
mod output_format;
mod packet_matching;
mod pipeline;
mod print;
mod print_packets;
mod program;
mod progress;
mod prove;
mod resolve;
mod rotation;
mod rule_matching;
mod rules;
mod run;
mod seccomp;
mod selection;
mod show;
mod split;
mod summary;
mod tcpdump_habits;
mod time;
mod trace;
mod verify;
mod warnings;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use failure::{Failure, say};

/// Filter captures with natively compiled classic BPF programs; convert, verify and inspect programs
#[derive(Parser)]
#[command(name = "cbpf", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes:
  0  success
  1  wrong usage, invalid program, or output that cannot be written; the answer is no: `cbpf prove`, or policies that
     differ or have weaknesses
  2  missing or damaged input
  3  engines disagree on a packet
  4  too complex to be decided
With `cbpf filter --quiet`: 0 if a packet matches, 1 if none does, 2 after any error

Example:
  cbpf filter -r in.pcap 'tcp port 443' -w https.pcap")]
struct Cli {
    /// List the network interfaces
    #[arg(short = 'D', long, exclusive = true)]
    list_interfaces: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Filter(Box<filter::Arguments>),
    Print(print_packets::Arguments),
    Run(run::Arguments),
    Split(split::Arguments),
    Count(count::Arguments),
    Rules(rules::Arguments),
    Bench(bench::Arguments),
    Compile(compile::Arguments),
    Convert(convert::Arguments),
    Verify(verify::Arguments),
    Show(show::Arguments),
    Trace(trace::Arguments),
    Explain(explain::Arguments),
    Prove(prove::Arguments),
    Seccomp(seccomp::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    InstallDocs(install_docs::Arguments),
}

/// Runs the command line; the first argument is the name of the program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    limits::disable_file_size_signal();
    limits::raise_open_files();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_quiet = filter_habits::is_quiet(arguments.iter().filter_map(|argument| argument.to_str()));
    let first = arguments.get(1).cloned();
    let usage = || if is_quiet { Failure::Quiet(Box::new(Failure::Usage)) } else { Failure::Usage };
    let outcome = match Cli::try_parse_from(arguments) {
        Ok(Cli { list_interfaces: true, .. }) => live::print_interfaces(),
        Ok(Cli { command: Some(command), .. }) => run(command),
        Ok(_) => Err(Failure::Failed("expected a subcommand; `cbpf --help` lists them".to_owned())),
        Err(message) => message.print().map_err(Failure::from).and_then(|()| match message.use_stderr() {
            true => {
                if first.is_some_and(|word| Cli::command().find_subcommand(word).is_none()) {
                    say("cbpf: `cbpf print -r FILE EXPRESSION` prints packets, `cbpf filter` counts and writes them");
                }
                Err(usage())
            }
            false => Ok(()),
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Filter(arguments) => filter::run(*arguments),
        Command::Print(arguments) => print_packets::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Split(arguments) => split::run(&arguments),
        Command::Count(arguments) => count::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Prove(arguments) => prove::run(&arguments),
        Command::Seccomp(arguments) => seccomp::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::InstallDocs(arguments) => install_docs::run(&arguments),
    }
}
