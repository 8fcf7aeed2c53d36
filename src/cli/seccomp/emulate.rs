//! `cbpf seccomp emulate`: runs filters on one system call, and prints their actions.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use cbpf::Verified;
use cbpf::debug::Trace;
use cbpf::seccomp::{Action, Arch, SeccompData};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::capture::input_name;
use crate::cli::failure::Failure;
use crate::cli::input::input_once;
use crate::cli::seccomp::ArchArgument;

/// Run filters on a system call, and print the path that it takes through them
///
/// After each instruction come the resulting registers. Of several filters, the strictest action counts. The last line
/// is the action of the kernel.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf seccomp emulate -p policy.bpf write 0x3")]
pub struct Arguments {
    /// Read a filter from this file, in any form; - for standard input. Repeat it for several filters, in the order in
    /// which they are installed
    #[arg(short, long = "program", value_name = "PROGRAM", required = true)]
    programs: Vec<PathBuf>,

    #[command(flatten)]
    arch: ArchArgument,

    /// Set the instruction pointer
    #[arg(long, value_name = "ADDRESS", default_value = "0", value_parser = number)]
    ip: u64,

    /// Print only the action of the kernel
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// System call: a name or a number
    #[arg(allow_negative_numbers = true)]
    call: String,

    /// Arguments of the call: up to six numbers, 0 by default
    #[arg(value_parser = number, num_args = 0..=6, allow_negative_numbers = true)]
    arguments: Vec<u64>,
}

/// Parses a C integer: decimal or 0x, optionally negative.
fn number(text: &str) -> Result<u64, String> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let magnitude = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    let magnitude = magnitude.map_err(|_| "expected a 64-bit number, decimal or 0x".to_owned())?;
    Ok(if is_negative { magnitude.wrapping_neg() } else { magnitude })
}

/// Returns the number of a system call, given by name or as a 32-bit number.
fn call_number(arch: Arch, call: &str) -> Result<i32, Failure> {
    if let Some(nr) = arch.syscall_number(call) {
        return Ok(nr);
    }
    let nr = number(call).ok().map(u64::cast_signed);
    let nr = nr.and_then(|nr| i32::try_from(nr).ok().or_else(|| Some(u32::try_from(nr).ok()?.cast_signed())));
    nr.ok_or_else(|| {
        Failure::Failed(match arch.syscall_number("read") {
            Some(_) => format!("{arch} has no system call `{call}`: expected a name, or a 32-bit number"),
            None => format!("the names of {arch}'s system calls are not known: expected a 32-bit number, not `{call}`"),
        })
    })
}

/// A filter, and the name of its file.
struct NamedFilter {
    name: String,
    verified: Verified,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    input_once(arguments.programs.iter().map(PathBuf::as_path))?;
    let arch = arguments.arch.get();
    let mut data = SeccompData {
        nr: call_number(arch, &arguments.call)?,
        arch,
        instruction_pointer: arguments.ip,
        ..SeccompData::default()
    };
    data.args.iter_mut().zip(&arguments.arguments).for_each(|(slot, &argument)| *slot = argument);
    let mut filters = arguments
        .programs
        .iter()
        .map(|path| read(path, &arguments.arch))
        .collect::<Result<Vec<NamedFilter>, Failure>>()?;
    // The newest filter runs first.
    filters.reverse();
    let bytes = data.to_bytes();
    let traces: Vec<Trace> = filters.iter().map(|filter| filter.verified.trace(&bytes)).collect();
    let action = Action::strictest(traces.iter().map(|trace| trace.verdict().into()));
    if arguments.json {
        return Ok(writeln!(stdout(), "{}", json(arch, &filters, &traces, action))?);
    }
    let mut output = stdout().lock();
    for (filter, trace) in filters.iter().zip(&traces).filter(|_| !arguments.quiet) {
        if filters.len() > 1 {
            writeln!(output, "{}:", filter.name)?;
        }
        output.write_all(path(arch, &filter.verified, trace).as_bytes())?;
    }
    Ok(writeln!(output, "{action}: {}", outcome(action))?)
}

fn read(path: &Path, arch: &ArchArgument) -> Result<NamedFilter, Failure> {
    Ok(NamedFilter { name: input_name(path).to_string(), verified: arch.verified(path)? })
}

/// Returns the executed instructions, one a line, and the halt reason if it is not a return.
fn path(arch: Arch, verified: &Verified, trace: &Trace) -> String {
    let lines = verified.program().seccomp_lines(arch);
    let line = |pc: usize| lines.get(pc).map_or("", String::as_str);
    let width = trace.iter().map(|executed| line(executed.pc).len()).max().unwrap_or(0);
    let registers =
        |executed: &cbpf::debug::Executed| format!("A = {:#x}, X = {:#x}", executed.after.a, executed.after.x);
    let executed = trace.iter().map(|executed| format!("{:width$}  # {}\n", line(executed.pc), registers(executed)));
    let end = trace.end().err().map(|stop| format!("{stop}\n"));
    executed.chain(end).collect()
}

/// Describes the effect of an action on the process.
fn outcome(action: Action) -> String {
    match action {
        Action::KillProcess => "SIGSYS kills the process".to_owned(),
        Action::KillThread => "SIGSYS kills the thread".to_owned(),
        Action::Trap(_) => "the call is skipped, and SIGSYS is sent".to_owned(),
        Action::Errno(_) => match action.errno() {
            Some(0) | None => "the call is skipped, and returns 0".to_owned(),
            Some(errno) => format!("the call is skipped, and fails with error {errno}"),
        },
        Action::UserNotify => "the listener decides; without one the call fails with ENOSYS".to_owned(),
        Action::Trace(_) => "the tracer decides; without one the call fails with ENOSYS".to_owned(),
        Action::Log => "the call is logged and executed".to_owned(),
        Action::Allow => "the call is executed".to_owned(),
        _ => "unknown action: SIGSYS kills the process".to_owned(),
    }
}

fn json(arch: Arch, filters: &[NamedFilter], traces: &[Trace], action: Action) -> Value {
    let filter = |(filter, trace): (&NamedFilter, &Trace)| {
        let lines = filter.verified.program().seccomp_lines(arch);
        let executed = |executed: &cbpf::debug::Executed| {
            json!({
                "pc": executed.pc,
                "instruction": lines.get(executed.pc).map(|line| line.trim_start()),
                "a": executed.after.a,
                "x": executed.after.x,
                "next": executed.next,
            })
        };
        json!({
            "program": filter.name,
            "executed": trace.iter().map(executed).collect::<Vec<Value>>(),
            "end": trace.end().err().map(|stop| stop.to_string()),
            "verdict": trace.verdict(),
            "action": Action::from(trace.verdict()).to_string(),
        })
    };
    let filters: Vec<Value> = filters.iter().zip(traces).map(filter).collect();
    let (name, verdict) = (action.to_string(), u32::from(action));
    json!({ "action": name, "verdict": verdict, "outcome": outcome(action), "filters": filters })
}
