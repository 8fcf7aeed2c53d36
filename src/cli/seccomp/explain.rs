//! `cbpf seccomp explain`: what filters do with which calls.

use std::path::PathBuf;

use cbpf::seccomp::{self, Rule, Section};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::input::input_once;
use crate::cli::print::print;
use crate::cli::seccomp::{ArchArgument, action_json, architectures_json, calls_json, failure};

/// Print what filters do: for each architecture and action, which calls, under which conditions
///
/// The result is exact, and does not depend on how the filters test. Several filters are explained as a stack, of which
/// the strictest action counts. Arguments are of 64 bits: `arg0 & 0x10000 != 0`. Where the filters do not check the
/// architecture, names are those of --arch.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp explain policy.bpf")]
pub struct Arguments {
    /// Files with the filters, in any form and in the order in which they are installed; - for standard input
    #[arg(required = true, value_name = "PROGRAM")]
    programs: Vec<PathBuf>,

    #[command(flatten)]
    arch: ArchArgument,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    input_once(arguments.programs.iter().map(PathBuf::as_path))?;
    let stack = arguments.arch.stack(&arguments.programs)?;
    let paths: Vec<&PathBuf> = arguments.programs.iter().collect();
    let explanation = seccomp::explain(&stack).map_err(|error| failure(&paths, &error))?;
    if !arguments.json {
        return print(explanation.print(arguments.arch.get()).as_bytes());
    }
    let presumed = |section: &Section| section.architectures.presumed(arguments.arch.get());
    let rule = |section: &Section, rule: &Rule| {
        json!({
            "action": action_json(rule.action),
            "calls": calls_json(&rule.calls, presumed(section)),
            "condition": rule.condition.to_string(),
        })
    };
    let section = |section: &Section| {
        json!({
            "architectures": architectures_json(&section.architectures),
            "rules": section.rules.iter().map(|of| rule(section, of)).collect::<Vec<Value>>(),
        })
    };
    let sections: Vec<Value> = explanation.sections.iter().map(section).collect();
    print(format!("{}\n", json!({ "sections": sections })).as_bytes())
}
