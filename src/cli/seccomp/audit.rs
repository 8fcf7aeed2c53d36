//! `cbpf seccomp audit`: weaknesses of policies.

use std::path::PathBuf;

use cbpf::seccomp::{self, Finding};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::capture::input_name;
use crate::cli::failure::Failure;
use crate::cli::print::print;
use crate::cli::seccomp::{StackArguments, action_json, call_json};

/// Print weaknesses of filters: holes for x32 and other architectures, half-compared arguments, unreachable rules
///
/// Each finding comes with the instructions, with what to do, and with a call that shows it. Several filters are judged
/// as a stack, of which the strictest action counts. The exit code is 1 if there are findings.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp audit policy.bpf")]
pub struct Arguments {
    #[command(flatten)]
    stack: StackArguments,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let findings = arguments.stack.analyse(|stack| seccomp::audit(stack))?;
    let paths = arguments.stack.paths();
    if arguments.json {
        let findings: Vec<Value> = findings.iter().map(|finding| json(&paths, finding)).collect();
        print(format!("{}\n", json!({ "findings": findings })).as_bytes())?;
    } else if findings.is_empty() {
        print(b"no weaknesses found\n")?;
    } else {
        print(findings.iter().map(|finding| text(&paths, finding)).collect::<String>().as_bytes())?;
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure::Negative) }
}

/// The number of instructions that are listed.
const MAX_INSTRUCTIONS: usize = 12;

fn text(paths: &[&PathBuf], finding: &Finding) -> String {
    let numbers: Vec<String> = finding.instructions.iter().take(MAX_INSTRUCTIONS).map(usize::to_string).collect();
    let more = if finding.instructions.len() > MAX_INSTRUCTIONS { ", ..." } else { "" };
    let noun = if finding.instructions.len() == 1 { "instruction" } else { "instructions" };
    let file = paths.get(finding.filter).map_or(String::new(), |path| format!("{}, ", input_name(path)));
    let example = match (&finding.example, finding.action) {
        (Some(call), Some(action)) => format!("  example: {call}: {action}\n"),
        _ => String::new(),
    };
    format!("{}: {finding}\n  {file}{noun} {}{more}\n{example}", finding.kind, numbers.join(", "))
}

fn json(paths: &[&PathBuf], finding: &Finding) -> Value {
    json!({
        "kind": finding.kind.name(),
        "message": finding.message,
        "advice": finding.kind.advice(),
        "program": paths.get(finding.filter).map(|path| input_name(path).to_string()),
        "instructions": finding.instructions,
        "example": finding.example.as_ref().map(call_json),
        "action": finding.action.map(action_json),
    })
}
