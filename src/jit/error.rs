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
    Cranelift(String),
    /// The system gave no memory for code.
    Memory(io::Error),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::UnsupportedMachine(why) => write!(f, "no native code for this machine: {why}"),
            CompileError::Cranelift(why) => write!(f, "Cranelift could not compile the program: {why}"),
            CompileError::Memory(error) => write!(f, "no memory for native code: {error}"),
        }
    }
}

impl std::error::Error for CompileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CompileError::Memory(error) => Some(error),
            CompileError::UnsupportedMachine(_) | CompileError::Cranelift(_) => None,
        }
    }
}
