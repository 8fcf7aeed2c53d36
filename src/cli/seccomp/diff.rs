//! `cbpf seccomp diff`: the calls that two policies treat differently.

use std::path::PathBuf;

use cbpf::seccomp::{self, Condition, Difference};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::input::input_once;
use crate::cli::print::print;
use crate::cli::seccomp::{ArchArgument, action_json, architectures_json, call_json, calls_json, failure};

/// Print the system calls for which two policies have different actions
///
/// The result is exact: each difference comes with a call that the interpreter confirms, and without any the policies
/// are equal. The exit code is 0 if they are equal, 1 if they differ, and 4 if they are too complex to be compared.
///
/// A policy is a filter, or a stack of filters in the order in which they are installed: those before --with, and those
/// after it.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp diff old.bpf new.bpf
  cbpf seccomp diff first.bpf second.bpf --with merged.bpf")]
pub struct Arguments {
    /// Files with the filters of the first policy; without --with, one for each policy; - for standard input
    #[arg(required = true, value_name = "PROGRAM")]
    programs: Vec<PathBuf>,

    /// Files with the filters of the second policy
    #[arg(long, value_name = "PROGRAM", num_args = 1..)]
    with: Vec<PathBuf>,

    #[command(flatten)]
    arch: ArchArgument,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (first, second) = match (&arguments.programs[..], &arguments.with[..]) {
        ([first], [second]) | ([first, second], []) => (std::slice::from_ref(first), std::slice::from_ref(second)),
        (_, []) => {
            let message = "expected two policies: two files, or --with before the files of the second policy";
            return Err(Failure::Failed(message.to_owned()));
        }
        stacks => stacks,
    };
    let paths: Vec<&PathBuf> = first.iter().chain(second).collect();
    input_once(paths.iter().map(|path| path.as_path()))?;
    let (before, after) = (arguments.arch.stack(first)?, arguments.arch.stack(second)?);
    let differences = seccomp::diff(&before, &after).map_err(|error| failure(&paths, &error))?;
    let is_proven = differences.iter().any(|difference| difference.example.is_some());
    if arguments.json {
        let differences: Vec<Value> = differences.iter().map(|difference| json(arguments, difference)).collect();
        print(format!("{}\n", json!({ "are_equal": differences.is_empty(), "differences": differences })).as_bytes())?;
    } else if differences.is_empty() {
        print(b"the policies are equal\n")?;
    } else {
        print(differences.iter().map(|difference| text(arguments, difference)).collect::<String>().as_bytes())?;
    }
    match differences.is_empty() {
        true => Ok(()),
        false if is_proven => Err(Failure::No),
        false => Err(Failure::Unknown("the policies may be equal: no difference could be confirmed".to_owned())),
    }
}

fn text(arguments: &Arguments, difference: &Difference) -> String {
    let Difference { architectures, calls, condition, before, after, example, .. } = difference;
    let presumed = architectures.presumed(arguments.arch.get());
    let calls = if calls.is_rest() { "every other call".to_owned() } else { calls.names(presumed).join(", ") };
    let condition = match condition {
        Condition::Always => String::new(),
        condition => format!(" if {condition}"),
    };
    let example = match example {
        Some(call) => format!("example: {call}"),
        None => "no example was found: the difference may not be real".to_owned(),
    };
    format!("{architectures}: {before} -> {after}\n  {calls}{condition}\n  {example}\n")
}

fn json(arguments: &Arguments, difference: &Difference) -> Value {
    let presumed = difference.architectures.presumed(arguments.arch.get());
    json!({
        "architectures": architectures_json(&difference.architectures),
        "calls": calls_json(&difference.calls, presumed),
        "condition": difference.condition.to_string(),
        "before": action_json(difference.before),
        "after": action_json(difference.after),
        "example": difference.example.as_ref().map(call_json),
    })
}
