//! The failure of a subcommand, and its exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use cbpf::Packet;

use crate::cli::capture::{CaptureError, input_name};
use crate::cli::limits;

/// Prints a line on standard error. An error of that is ignored.
pub fn say(message: impl Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// The reason why a subcommand ended early, or its exit code is not 0.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The arguments are wrong; clap has printed why.
    Usage,
    /// An invalid program, or an output that can't be written.
    Failed(String),
    /// An input that can't be read.
    Input(String),
    /// Inputs were damaged; each has been reported.
    Damaged,
    /// The engines gave different verdicts.
    Disagreement(String),
    /// The answer is no: programs or policies differ, or have weaknesses; the output says how.
    Negative,
    /// The question is too hard to be answered.
    Unknown(String),
    /// The reader of the output went away, as `head` does, which is no error.
    ClosedPipe,
    /// A packet matched, which is all that was asked for.
    Found,
    /// A failure of a subcommand whose exit code 1 is an answer.
    Quiet(Box<Failure>),
}

impl Failure {
    /// Returns a failure that names a file.
    pub fn of_file(path: &Path, error: impl Display) -> Failure {
        Failure::Failed(format!("{}: {error}", input_name(path)))
    }

    /// Returns the failure of native code that disagrees with the interpreter on the packet with this number.
    pub fn disagreement(number: u64, packet: &Packet, verdict: u32, expected: u32) -> Failure {
        let bytes: String = packet.data().iter().map(|byte| format!("{byte:02x}")).collect();
        let wire_len = packet.wire_len();
        let verdicts = format!("the interpreter returns {expected}, native code {verdict}");
        Failure::Disagreement(format!("packet {number}: {verdicts}; {wire_len} bytes on the wire: {bytes}"))
    }

    /// Prints the failure on standard error, and returns the exit code.
    pub fn report(&self) -> ExitCode {
        let (message, code) = match self {
            Failure::Usage | Failure::Negative => return ExitCode::from(1),
            Failure::ClosedPipe | Failure::Found => return ExitCode::SUCCESS,
            Failure::Quiet(failure) => {
                failure.report();
                return ExitCode::from(2);
            }
            Failure::Damaged => return ExitCode::from(2),
            Failure::Failed(message) => (message, 1),
            Failure::Input(message) => (message, 2),
            Failure::Disagreement(message) => (message, 3),
            Failure::Unknown(message) => (message, 4),
        };
        say(format_args!("cbpf: {message}"));
        ExitCode::from(code)
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Failure {
        match error {
            error if error.is_broken_pipe() => Failure::ClosedPipe,
            error if error.is_of_output() => Failure::Failed(error.to_string()),
            error => Failure::Input(error.to_string()),
        }
    }
}

/// Converts an error of standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Failed(format!("cannot write standard output: {}", limits::write_error(&error))),
        }
    }
}
