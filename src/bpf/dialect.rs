//! The three dialects of classic BPF.

use core::fmt;
use core::str::FromStr;

use crate::bpf::unknown_name::UnknownName;

/// A dialect of classic BPF: the rules by which a program is verified and run.
///
/// The dialects give the same bytes different meanings. [`Program::verify`](crate::Program::verify) chooses the
/// dialect, and every engine follows it.
///
/// | | [`Linux`](Dialect::Linux) | [`Pcap`](Dialect::Pcap) | [`Seccomp`](Dialect::Seccomp) |
/// |---|---|---|---|
/// | longest program | 4,096 | 2^20 | 4,096 |
/// | shift by X >= 32 | by X & 31 | 0 | by X & 31 |
/// | shift by constant >= 32 | rejected | 0 | rejected |
/// | reading an unset `M[k]` | rejected | 0 | rejected |
/// | `[x + k]` | wraps at 2^32 | does not wrap | rejected |
/// | `[0xfffff000 + n]` | ancillary load n | out of bounds | rejected |
/// | `[0xffe00000 + n]` below that | relative to a header | out of bounds | rejected |
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
    /// System call filters of the Linux kernel (`kernel/seccomp.c`). The packet is a
    /// [`SeccompData`](crate::seccomp::SeccompData), the verdict an [`Action`](crate::seccomp::Action).
    Seccomp,
}

impl Dialect {
    /// All dialects.
    pub const ALL: &'static [Dialect] = &[Dialect::Linux, Dialect::Pcap, Dialect::Seccomp];

    /// Returns the name: `linux`, `pcap` or `seccomp`.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Linux => "linux",
            Dialect::Pcap => "pcap",
            Dialect::Seccomp => "seccomp",
        }
    }

    /// Returns the length of the longest program, in instructions: `BPF_MAXINSNS` of the kernel, or 2^20 for
    /// [`Dialect::Pcap`].
    pub const fn max_len(self) -> usize {
        match self {
            Dialect::Linux | Dialect::Seccomp => 4096,
            Dialect::Pcap => 1 << 20,
        }
    }

    /// Returns whether this is a dialect of the kernel.
    pub(crate) const fn is_kernel(self) -> bool {
        matches!(self, Dialect::Linux | Dialect::Seccomp)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dialect {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Dialect, UnknownName> {
        UnknownName::find("dialect", name, Dialect::ALL, Dialect::name)
    }
}
