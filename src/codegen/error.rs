//! Why a program has no native code.

use std::fmt;
use std::io;

/// Why a verified program could not be made into native code. It can still be interpreted.
#[derive(Debug)]
#[non_exhaustive]
pub enum CompileError {
    /// Cranelift cannot generate code for this machine.
    UnsupportedMachine(String),
    /// Cranelift gave up on the program, most likely for its size.
    ///
    /// Where it panicked, the panic hook was called; with `panic = "abort"` the process ends instead.
    Cranelift(String),
    /// The program is so large that its native code would need too much stack.
    StackFrame {
        /// How much it needs, in bytes.
        needed: u32,
        /// How much it may have.
        allowed: u32,
    },
    /// The system gave no memory for code, or no thread to compile in, which takes one where there is little stack.
    /// [`io::ErrorKind::FileTooLarge`] is the process's limit on file sizes.
    Memory(io::Error),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::UnsupportedMachine(why) => write!(f, "no native code for this machine: {why}"),
            CompileError::Cranelift(why) => write!(f, "Cranelift could not compile the program: {why}"),
            CompileError::StackFrame { needed, allowed } => {
                write!(f, "native code for the program needs {needed} bytes of stack, and {allowed} are allowed")
            }
            CompileError::Memory(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let limit = "the process may write only shorter files (RLIMIT_FSIZE, see `ulimit -f`)";
                write!(f, "no memory for native code, which is a file of at least 64 KiB: {limit}")
            }
            CompileError::Memory(error) => write!(f, "no memory for native code: {error}"),
        }
    }
}

impl std::error::Error for CompileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CompileError::Memory(error) => Some(error),
            _ => None,
        }
    }
}
