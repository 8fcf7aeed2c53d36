//! The three machines that are called classic BPF, and where they differ.

use std::fmt;
use std::str::FromStr;

/// Whose rules a program is verified and run by.
///
/// The same bytes mean different things to them; the dialect is chosen by [`Program::verify`](crate::Program::verify),
/// travels with the program, and every engine obeys it.
///
/// | | [`Linux`](Dialect::Linux) | [`Pcap`](Dialect::Pcap) | [`Seccomp`](Dialect::Seccomp) |
/// |---|---|---|---|
/// | longest program | 4,096 | 2^20 | 4,096 |
/// | shift by X >= 32 | by X & 31 | 0 | by X & 31 |
/// | shift by constant >= 32 | refused | 0 | refused |
/// | reading an unset `M[k]` | refused | 0 | refused |
/// | `[x + k]` | wraps at 2^32 | does not wrap | refused |
/// | `[0xfffff000 + n]` | ancillary load n | out of bounds | refused |
/// | `[0xffe00000 + n]` below that | relative to a header | out of bounds | refused |
/// | word loads | big-endian | big-endian | the machine's order |
/// | jumps of long programs | must fit after the conversion to eBPF | any | any |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Socket filters of the Linux kernel (`net/core/filter.c`).
    #[default]
    Linux,
    /// libpcap's `bpf_filter`, BSD, and Go's `x/net/bpf`.
    Pcap,
    /// System call filters of the Linux kernel (`kernel/seccomp.c`): the packet is a [`SeccompData`](crate::SeccompData), and
    /// the verdict an [`Action`](crate::Action).
    Seccomp,
}

impl Dialect {
    /// All dialects.
    pub const ALL: &'static [Dialect] = &[Dialect::Linux, Dialect::Pcap, Dialect::Seccomp];

    /// Its name: `linux`, `pcap` or `seccomp`.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Linux => "linux",
            Dialect::Pcap => "pcap",
            Dialect::Seccomp => "seccomp",
        }
    }

    /// The longest program, in instructions: the kernel's `BPF_MAXINSNS`; for [`Dialect::Pcap`] a cap of our own.
    pub const fn max_len(self) -> usize {
        match self {
            Dialect::Linux | Dialect::Seccomp => 4096,
            Dialect::Pcap => 1 << 20,
        }
    }

    /// Whether this is one of the kernel's machines, which share most of their rules.
    pub(crate) const fn is_kernel(self) -> bool {
        matches!(self, Dialect::Linux | Dialect::Seccomp)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The error of parsing a [`Dialect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDialect(String);

impl fmt::Display for UnknownDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown dialect `{}`: expected linux, pcap or seccomp", self.0)
    }
}

impl std::error::Error for UnknownDialect {}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Dialect, UnknownDialect> {
        Dialect::ALL
            .iter()
            .copied()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| UnknownDialect(name.to_owned()))
    }
}
