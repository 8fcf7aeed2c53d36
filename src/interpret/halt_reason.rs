//! The reasons why a program halts without a return.

use core::fmt;

use crate::bpf::isa::Width;

/// The reason a program halted without a `ret`.
///
/// Source: `bpf_convert_filter` in the kernel's `net/core/filter.c`, `pcapint_filter_with_aux_data` in libpcap's
/// `bpf_filter.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum HaltReason {
    /// A load reached beyond the captured bytes.
    OutOfBounds {
        /// The offset of the load in the program, plus X.
        offset: u64,
        /// The number of bytes of the load.
        width: Width,
        /// The number of captured bytes of the packet.
        captured: usize,
    },
    /// `div x` or `mod x` with X = 0.
    DivisionByZero,
    /// `ifidx` or `hatype` of a packet without a device.
    NoDevice {
        /// The accumulator, which is the verdict.
        a: u32,
    },
}

impl HaltReason {
    /// Returns the verdict of a program that halts for this reason.
    ///
    /// ```
    /// use cbpf::debug::HaltReason;
    /// assert_eq!(HaltReason::DivisionByZero.verdict(), 0);
    /// assert_eq!(HaltReason::NoDevice { a: 7 }.verdict(), 7);
    /// ```
    pub const fn verdict(self) -> u32 {
        match self {
            HaltReason::OutOfBounds { .. } | HaltReason::DivisionByZero => 0,
            HaltReason::NoDevice { a } => a,
        }
    }
}

/// The largest offset that is printed in decimal. No packet is longer, and larger offsets are mostly negative.
const MAX_DECIMAL: u64 = i32::MAX as u64;

impl fmt::Display for HaltReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            HaltReason::OutOfBounds { offset, width, captured } => {
                let bytes = if width == Width::Byte { "byte" } else { "bytes" };
                write!(f, "out of bounds: {} {bytes} at offset ", width.bytes())?;
                match offset {
                    0..=MAX_DECIMAL => write!(f, "{offset}")?,
                    _ => write!(f, "{offset:#x}")?,
                }
                write!(f, ", and {captured} were captured")
            }
            HaltReason::DivisionByZero => f.write_str("division by zero"),
            HaltReason::NoDevice { .. } => f.write_str("the packet has no device"),
        }
    }
}

impl core::error::Error for HaltReason {}
