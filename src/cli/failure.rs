//! Why a subcommand failed, and the exit code that says so.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use cbpf::Packet;

use crate::cli::capture::{CaptureError, input_name};
use crate::cli::limits;

/// Says something on standard error. If that can't be written, there is nobody to be told.
pub fn say(message: impl Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// What ends a subcommand early, or makes its exit code other than 0.
#[derive(Debug)]
pub enum Failure {
    /// The arguments are wrong, and clap has said so.
    Usage,
    /// An invalid program, or an output that can't be written.
    Failed(String),
    /// An input that can't be read.
    Input(String),
    /// Inputs were damaged; each was reported when it was met.
    Damaged,
    /// The engines gave different verdicts.
    Disagreement(String),
    /// The reader of the output went away, as `head` does: nothing is wrong.
    ClosedPipe,
}

impl Failure {
    /// A failure that names a file.
    pub fn of_file(path: &Path, error: impl Display) -> Failure {
        Failure::Failed(format!("{}: {error}", input_name(path)))
    }

    /// Native code gave another verdict than the interpreter on the packet of this number.
    pub fn disagreement(number: u64, packet: &Packet, verdict: u32, expected: u32) -> Failure {
        let bytes: String = packet.data().iter().map(|byte| format!("{byte:02x}")).collect();
        let wire_len = packet.wire_len();
        Failure::Disagreement(format!(
            "packet {number}: the interpreter says {expected}, native code {verdict}; {wire_len} bytes on the wire: {bytes}"
        ))
    }

    /// Says on standard error what is wrong, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        let (message, code) = match self {
            Failure::Usage => return ExitCode::from(1),
            Failure::ClosedPipe => return ExitCode::SUCCESS,
            Failure::Damaged => return ExitCode::from(2),
            Failure::Failed(message) => (message, 1),
            Failure::Input(message) => (message, 2),
            Failure::Disagreement(message) => (message, 3),
        };
        say(format_args!("cbpf: {message}"));
        ExitCode::from(code)
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Failure {
        match error {
            error if error.is_broken_pipe() => Failure::ClosedPipe,
            CaptureError::Create { .. } | CaptureError::Write { .. } => Failure::Failed(error.to_string()),
            error => Failure::Input(error.to_string()),
        }
    }
}

/// An error of standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Failed(format!("cannot write standard output: {}", limits::unwritten(&error))),
        }
    }
}
