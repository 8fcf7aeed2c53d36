//! Architectures, as the audit and seccomp code of the kernel number them.

use std::fmt;
use std::str::FromStr;

use crate::seccomp::names;

/// Whose system call numbers and conventions a call has: an `AUDIT_ARCH_*` number.
///
/// It prints as its name where it has one, and is read from it:
///
/// ```
/// use cbpf::Arch;
/// assert_eq!(Arch(0xc000_003e), Arch::X86_64);
/// assert_eq!("aarch64".parse(), Ok(Arch::AARCH64));
/// assert_eq!(Arch::RISCV64.to_string(), "riscv64");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Arch(pub u32);

/// One architecture: its number, and its names, of which the first is printed and in capitals that of `AUDIT_ARCH_*`.
struct Row {
    arch: Arch,
    names: &'static [&'static str],
}

const fn row(number: u32, names: &'static [&'static str]) -> Row {
    Row { arch: Arch(number), names }
}

/// The architectures on which Linux has system call filters, in the order of the names.
///
/// Source: `include/uapi/linux/audit.h`, where a number is the ELF machine, 0x8000_0000 for 64 bits, 0x4000_0000 for
/// little-endian. The second names are those of Debian and seccomp-tools.
static TABLE: [Row; 27] = [
    row(0xc000_00b7, &["aarch64", "arm64"]),
    row(0x4000_0028, &["arm"]),
    row(0x4000_00fc, &["csky"]),
    row(0x4000_0003, &["i386", "x86"]),
    row(0xc000_0102, &["loongarch64"]),
    row(0x0000_0004, &["m68k"]),
    row(0x0000_0008, &["mips"]),
    row(0x8000_0008, &["mips64"]),
    row(0xa000_0008, &["mips64n32"]),
    row(0x4000_0008, &["mipsel"]),
    row(0xc000_0008, &["mipsel64"]),
    row(0xe000_0008, &["mipsel64n32"]),
    row(0x0000_000f, &["parisc"]),
    row(0x8000_000f, &["parisc64"]),
    row(0x0000_0014, &["ppc"]),
    row(0x8000_0015, &["ppc64"]),
    row(0xc000_0015, &["ppc64le"]),
    row(0x4000_00f3, &["riscv32"]),
    row(0xc000_00f3, &["riscv64"]),
    row(0x0000_0016, &["s390"]),
    row(0x8000_0016, &["s390x"]),
    row(0x0000_002a, &["sh"]),
    row(0x4000_002a, &["shel"]),
    row(0x0000_0002, &["sparc"]),
    row(0x8000_002b, &["sparc64"]),
    row(0xc000_003e, &["x86_64", "amd64"]),
    row(0x0000_005e, &["xtensa"]),
];

impl Arch {
    /// 64-bit x86; the x32 ABI has this number, too, and bit 30 set in the numbers of its calls.
    pub const X86_64: Arch = Arch(0xc000_003e);
    /// 64-bit Arm, little-endian.
    pub const AARCH64: Arch = Arch(0xc000_00b7);
    /// 64-bit RISC-V.
    pub const RISCV64: Arch = Arch(0xc000_00f3);

    /// The architecture that this code runs on, if it has a name here.
    pub fn host() -> Option<Arch> {
        std::env::consts::ARCH.parse().ok().filter(|_| cfg!(target_pointer_width = "64"))
    }

    /// Its name, such as `x86_64`; `None` for a number that has none.
    pub fn name(self) -> Option<&'static str> {
        TABLE.iter().find(|row| row.arch == self).map(|row| row.names[0])
    }

    /// The name of a system call of this architecture, for x86-64, aarch64 and riscv64.
    ///
    /// Calls of the x32 ABI begin with `x32_`. The names come with the feature `syscall-names`; without it there is none.
    ///
    #[cfg_attr(feature = "syscall-names", doc = "```")]
    #[cfg_attr(not(feature = "syscall-names"), doc = "```ignore")]
    /// use cbpf::Arch;
    /// assert_eq!(Arch::X86_64.syscall_name(1), Some("write".into()));
    /// assert_eq!(Arch::AARCH64.syscall_name(64), Some("write".into()));
    /// assert_eq!(Arch::X86_64.syscall_name(0x4000_0001), Some("x32_write".into()));
    /// assert_eq!(Arch::X86_64.syscall_name(-1), None);
    /// ```
    pub fn syscall_name(self, nr: i32) -> Option<String> {
        names::name(self, nr)
    }

    /// The number of the system call of this name; the reverse of [`Arch::syscall_name`].
    ///
    #[cfg_attr(feature = "syscall-names", doc = "```")]
    #[cfg_attr(not(feature = "syscall-names"), doc = "```ignore")]
    /// use cbpf::Arch;
    /// assert_eq!(Arch::X86_64.syscall_number("execve"), Some(59));
    /// assert_eq!(Arch::X86_64.syscall_number("x32_execve"), Some(0x4000_0000 + 520));
    /// assert_eq!(Arch::RISCV64.syscall_number("open"), None);
    /// ```
    pub fn syscall_number(self, name: &str) -> Option<i32> {
        names::number(self, name)
    }
}

/// Its name, or the number in hexadecimal.
impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

/// The error of parsing an [`Arch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownArch(String);

impl fmt::Display for UnknownArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown architecture `{}`: expected x86_64, aarch64, riscv64 or another name of AUDIT_ARCH_*",
            self.0
        )
    }
}

impl std::error::Error for UnknownArch {}

impl FromStr for Arch {
    type Err = UnknownArch;

    fn from_str(name: &str) -> Result<Arch, UnknownArch> {
        let row = TABLE.iter().find(|row| row.names.contains(&name));
        row.map(|row| row.arch).ok_or_else(|| UnknownArch(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_stand_for_one_architecture() {
        assert!(TABLE.windows(2).all(|pair| pair[0].names[0] < pair[1].names[0]));
        for row in &TABLE {
            assert!(row.names.iter().all(|name| name.parse() == Ok(row.arch)));
            assert_eq!(row.arch.to_string(), row.names[0]);
        }
        assert_eq!(Arch(7).to_string(), "0x00000007");
    }
}
