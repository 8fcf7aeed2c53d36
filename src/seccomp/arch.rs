//! Architectures, as the audit and seccomp code of the kernel number them.

use std::fmt;
use std::str::FromStr;

use crate::seccomp::names;

/// Whose system call numbers and conventions a call has: an `AUDIT_ARCH_*` number.
///
/// The number says the byte order, too ([`Arch::is_big_endian`]). The default is the architecture that this code runs
/// on.
///
/// It prints as its name where it has one, and is read from it:
///
/// ```
/// use cbpf::Arch;
/// assert_eq!(Arch(0xc000_003e), Arch::X86_64);
/// assert_eq!("aarch64".parse(), Ok(Arch::AARCH64));
/// assert_eq!(Arch::RISCV64.to_string(), "riscv64");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arch(pub u32);

/// One architecture: its number, and its names, of which the first is printed and in capitals that of `AUDIT_ARCH_*`.
struct ArchRow {
    arch: Arch,
    names: &'static [&'static str],
}

const fn row(number: u32, names: &'static [&'static str]) -> ArchRow {
    ArchRow { arch: Arch(number), names }
}

/// The bit of `AUDIT_ARCH_*` that little-endian architectures have: `__AUDIT_ARCH_LE`.
const LITTLE_ENDIAN: u32 = 0x4000_0000;

/// The architectures that the kernel numbers, in the order of the names.
///
/// Source: `include/uapi/linux/audit.h`, where a number is the ELF machine, 0x8000_0000 for 64 bits, 0x4000_0000 for
/// little-endian. The other names are those of Debian, Rust and seccomp-tools.
static TABLE: [ArchRow; 53] = [
    row(0xc000_00b7, &["aarch64", "arm64"]),
    row(0xc000_9026, &["alpha"]),
    row(0x4000_005d, &["arcompact"]),
    row(0x0000_005d, &["arcompactbe"]),
    row(0x4000_00c3, &["arcv2"]),
    row(0x0000_00c3, &["arcv2be"]),
    row(0x4000_0028, &["arm", "armel", "armhf"]),
    row(0x0000_0028, &["armeb"]),
    row(0x4000_008c, &["c6x"]),
    row(0x0000_008c, &["c6xbe"]),
    row(0x4000_004c, &["cris"]),
    row(0x4000_00fc, &["csky"]),
    row(0x0000_5441, &["frv"]),
    row(0x0000_002e, &["h8300"]),
    row(0x0000_00a4, &["hexagon"]),
    row(0x4000_0003, &["i386", "x86"]),
    row(0xc000_0032, &["ia64"]),
    row(0x4000_0102, &["loongarch32"]),
    row(0xc000_0102, &["loongarch64", "loong64"]),
    row(0x0000_0058, &["m32r"]),
    row(0x0000_0004, &["m68k"]),
    row(0x0000_00bd, &["microblaze"]),
    row(0x0000_0008, &["mips"]),
    row(0x8000_0008, &["mips64"]),
    row(0xa000_0008, &["mips64n32"]),
    row(0x4000_0008, &["mipsel"]),
    row(0xc000_0008, &["mipsel64", "mips64el"]),
    row(0xe000_0008, &["mipsel64n32"]),
    row(0x4000_00a7, &["nds32"]),
    row(0x0000_00a7, &["nds32be"]),
    row(0x4000_0071, &["nios2"]),
    row(0x0000_005c, &["openrisc"]),
    row(0x0000_000f, &["parisc", "hppa"]),
    row(0x8000_000f, &["parisc64", "hppa64"]),
    row(0x0000_0014, &["ppc", "powerpc"]),
    row(0x8000_0015, &["ppc64", "powerpc64"]),
    row(0xc000_0015, &["ppc64le", "ppc64el", "powerpc64le"]),
    row(0x4000_00f3, &["riscv32"]),
    row(0xc000_00f3, &["riscv64"]),
    row(0x0000_0016, &["s390"]),
    row(0x8000_0016, &["s390x"]),
    row(0x0000_002a, &["sh"]),
    row(0x8000_002a, &["sh64"]),
    row(0x4000_002a, &["shel"]),
    row(0xc000_002a, &["shel64"]),
    row(0x0000_0002, &["sparc"]),
    row(0x8000_002b, &["sparc64"]),
    row(0xc000_00bf, &["tilegx"]),
    row(0x4000_00bf, &["tilegx32"]),
    row(0x4000_00bc, &["tilepro"]),
    row(0x4000_006e, &["unicore"]),
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
        let Arch(number) = std::env::consts::ARCH.parse().ok().filter(|_| cfg!(target_pointer_width = "64"))?;
        // Some names, such as `powerpc64`, stand for both byte orders.
        Some(Arch(number & !LITTLE_ENDIAN | Arch::host_byte_order()))
    }

    /// [`LITTLE_ENDIAN`] where this code runs on such a machine, else 0.
    fn host_byte_order() -> u32 {
        if cfg!(target_endian = "little") { LITTLE_ENDIAN } else { 0 }
    }

    /// Whether the upper half of a 64-bit argument comes first in `struct seccomp_data`.
    ///
    /// It is the bit `__AUDIT_ARCH_LE` of the number that decides, for numbers without a name, too. Linux does not set
    /// that bit for hexagon, microblaze and xtensa, which can be little-endian.
    ///
    /// ```
    /// use cbpf::Arch;
    /// assert!("s390x".parse::<Arch>().is_ok_and(Arch::is_big_endian));
    /// assert!(!Arch::X86_64.is_big_endian());
    /// ```
    pub fn is_big_endian(self) -> bool {
        self.0 & LITTLE_ENDIAN == 0
    }

    /// Its name, such as `x86_64`; `None` for a number that has none.
    pub fn name(self) -> Option<&'static str> {
        TABLE.iter().find(|row| row.arch == self).map(|row| row.names[0])
    }

    /// The name of a system call of this architecture.
    ///
    /// There are names for aarch64, arm, i386, loongarch64, mips, mips64, ppc, ppc64, riscv32, riscv64, s390x, sparc,
    /// sparc64 and x86-64, and for their siblings of the other byte order that have the same numbers. Calls of the x32
    /// ABI begin with `x32_`. The names come with the feature `syscall-names`; without it there is none.
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

/// The architecture that this code runs on; where that has no name here, a number that says its byte order alone.
impl Default for Arch {
    fn default() -> Arch {
        Arch::host().unwrap_or(Arch(Arch::host_byte_order()))
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
            "unknown architecture `{}`: expected x86_64, i386, aarch64, s390x or another name of AUDIT_ARCH_*",
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

    #[test]
    fn the_number_says_the_byte_order() {
        let named = |is_big: bool| TABLE.iter().filter(move |row| row.arch.is_big_endian() == is_big);
        let big: Vec<&str> = named(true).map(|row| row.names[0]).collect();
        for name in ["armeb", "m68k", "mips", "mips64", "mips64n32", "parisc", "ppc", "ppc64", "s390", "s390x", "sh"] {
            assert!(big.contains(&name), "{name}");
        }
        assert!(named(false).any(|row| row.arch == Arch::X86_64));
        assert_eq!(Arch::default().is_big_endian(), cfg!(target_endian = "big"));
    }
}
