//! `cbpf seccomp explain`: what filters do with which calls.

use cbpf::seccomp::{self, Rule, Section};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::print::print;
use crate::cli::seccomp::{StackArguments, action_json, architectures_json, calls_json};

/// Print what filters do: for each architecture and action, which calls, under which conditions
///
/// The result is exact, and does not depend on how the filters test. Several filters are explained as a stack, of which
/// the strictest action counts. Arguments are of 64 bits: `arg0 & 0x10000 != 0`. Where the filters do not check the
/// architecture, names are those of --arch.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp explain policy.bpf")]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let explanation = arguments.stack.analyse(|stack| seccomp::explain(stack))?;
    if !arguments.json {
        return print(explanation.print(arguments.stack.arch.get()).as_bytes());
    }
    let presumed = |section: &Section| section.architectures.presumed(arguments.stack.arch.get());
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
