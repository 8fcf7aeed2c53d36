//! The reasons that a program has no native code.

use std::fmt;
use std::io;

/// The reason that a verified program could not be compiled to native code. The interpreter can still run it.
#[derive(Debug)]
#[non_exhaustive]
pub enum CompileError {
    /// This build, or Cranelift, cannot generate code for this machine.
    UnsupportedMachine(String),
    /// Cranelift could not compile the program, most likely because of its size.
    ///
    /// If Cranelift panicked, the panic hook was called; with `panic = "abort"` the process ends instead.
    Cranelift(String),
    /// The native code would need too much stack, because the program is very large.
    StackFrame {
        /// The size of the stack frame, in bytes.
        needed: u32,
        /// The largest size that is allowed, in bytes.
        allowed: u32,
    },
    /// The system provided no memory for code, or no thread to compile in, which is needed where there is little stack.
    /// [`io::ErrorKind::FileTooLarge`] stands for the process's limit on file sizes.
    Memory(io::Error),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::UnsupportedMachine(why) => write!(f, "there is no native code for this machine: {why}"),
            CompileError::Cranelift(why) => write!(f, "Cranelift could not compile the program: {why}"),
            CompileError::StackFrame { needed, allowed } => {
                write!(
                    f,
                    "the native code of the program needs {needed} bytes of stack, and only {allowed} are allowed"
                )
            }
            CompileError::Memory(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let limit = "the process may write only shorter files (RLIMIT_FSIZE, see `ulimit -f`)";
                write!(f, "there is no memory for native code, which is a file of at least 64 KiB: {limit}")
            }
            CompileError::Memory(error) => write!(f, "there is no memory for native code: {error}"),
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
