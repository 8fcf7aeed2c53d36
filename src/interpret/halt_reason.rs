//! Why a program ends before it comes to a return.

use std::fmt;

use crate::bpf::isa::Width;

/// What a program met that cannot be done, and that ended it.
///
/// Source: `bpf_convert_filter` in the kernel's `net/core/filter.c`, `pcapint_filter_with_aux_data` in libpcap's
/// `bpf_filter.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// A load reached past the end of the captured bytes.
    OutOfBounds {
        /// The offset of the load, as the program names it, X added.
        offset: u64,
        /// How many bytes it would have read.
        width: Width,
        /// How many bytes of the packet were captured.
        captured: usize,
    },
    /// `div x` or `mod x` where X is 0.
    DivisionByZero,
    /// `ifidx` or `hatype` of a packet that has no device.
    NoDevice {
        /// The accumulator, which is the verdict.
        a: u32,
    },
}

impl Stop {
    /// The verdict of a program that ends so.
    ///
    /// ```
    /// use cbpf::Stop;
    /// assert_eq!(Stop::DivisionByZero.verdict(), 0);
    /// assert_eq!(Stop::NoDevice { a: 7 }.verdict(), 7);
    /// ```
    pub const fn verdict(self) -> u32 {
        match self {
            Stop::OutOfBounds { .. } | Stop::DivisionByZero => 0,
            Stop::NoDevice { a } => a,
        }
    }
}

/// The largest offset that is printed in decimal: no packet reaches further, and larger ones are mostly meant as negative.
const MOST_DECIMAL: u64 = i32::MAX as u64;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Stop::OutOfBounds { offset, width, captured } => {
                let bytes = if width == Width::Byte { "byte" } else { "bytes" };
                write!(f, "out of bounds: {} {bytes} at offset ", width.bytes())?;
                match offset {
                    0..=MOST_DECIMAL => write!(f, "{offset}")?,
                    _ => write!(f, "{offset:#x}")?,
                }
                write!(f, ", and {captured} were captured")
            }
            Stop::DivisionByZero => f.write_str("division by zero"),
            Stop::NoDevice { .. } => f.write_str("the packet has no device"),
        }
    }
}

impl std::error::Error for Stop {}
