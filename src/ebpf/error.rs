//! The reasons why a filter cannot become a program of a hook.

use core::fmt;

use crate::ebpf::hook::Hook;
use crate::packet::ancillary::Extension;

/// The error of compiling a filter to eBPF.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EbpfError {
    /// The hook has no value for an ancillary load.
    Ancillary {
        /// The index of the instruction.
        pc: usize,
        /// What it loads.
        extension: Extension,
        /// The hook.
        hook: Hook,
    },
    /// The hook does not pass the start of headers, which an offset is relative to.
    HeaderRelative {
        /// The index of the instruction.
        pc: usize,
        /// The hook.
        hook: Hook,
    },
    /// The hook does not take a result.
    Action {
        /// The result.
        result: i64,
        /// The hook.
        hook: Hook,
    },
    /// The hook cannot redirect packets, or not to a map of this type.
    Redirect {
        /// The hook.
        hook: Hook,
    },
    /// The result is the id of a rule, and a filter has no rules.
    NoRules,
    /// The program needs more values at once than there are places in the stack frame of 512 bytes.
    TooManyValues {
        /// The number of places that it would take.
        places: usize,
    },
    /// The program is longer than the kernel allows.
    TooLong {
        /// The number of slots of 8 bytes.
        slots: usize,
    },
}

impl fmt::Display for EbpfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            EbpfError::Ancillary { pc, extension, hook } => {
                write!(f, "instruction {pc}: the hook `{hook}` has no value for `{}`", extension.name())
            }
            EbpfError::HeaderRelative { pc, hook } => {
                write!(f, "instruction {pc}: the hook `{hook}` has no offsets that are relative to a header")
            }
            EbpfError::Action { result, hook } => write!(f, "the hook `{hook}` does not take the result {result}"),
            EbpfError::Redirect { hook } => write!(f, "the hook `{hook}` cannot redirect packets in this way"),
            EbpfError::NoRules => f.write_str("a filter has no rules whose id could be the result: take its verdict"),
            EbpfError::TooManyValues { places } => {
                write!(f, "the program needs {places} values at once, and a stack frame has 60 places")
            }
            EbpfError::TooLong { slots } => {
                write!(f, "the program has {slots} instructions, and the kernel takes 1,000,000")
            }
        }
    }
}

impl core::error::Error for EbpfError {}
