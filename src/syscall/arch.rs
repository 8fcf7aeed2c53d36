//! Architectures, numbered as in the audit and seccomp code of the kernel.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::bpf::unknown_name::UnknownName;
use crate::syscall::names;

/// The architecture of a system call, which decides its numbering and conventions: an `AUDIT_ARCH_*` number.
///
/// The number includes the byte order ([`Arch::is_big_endian`]). The default is the architecture of this machine. An
/// architecture prints as its name, and parses from it:
///
/// ```
/// use cbpf::seccomp::Arch;
/// assert_eq!(Arch(0xc000_003e), Arch::X86_64);
/// assert_eq!("aarch64".parse(), Ok(Arch::AARCH64));
/// assert_eq!(Arch::RISCV64.to_string(), "riscv64");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arch(pub u32);

/// The number and the names of one architecture. The first name is printed; in capitals it is that of `AUDIT_ARCH_*`.
struct ArchRow {
    arch: Arch,
    names: &'static [&'static str],
}

const fn row(number: u32, names: &'static [&'static str]) -> ArchRow {
    ArchRow { arch: Arch(number), names }
}

/// Pairs names of architectures in Rust with whether this machine is one.
macro_rules! hosts {
    ($($name:literal),+) => { [$(($name, cfg!(target_arch = $name))),+] };
}

/// The 64-bit architectures of Rust that are in [`TABLE`].
static HOSTS: [(&str, bool); 8] =
    hosts!["aarch64", "loongarch64", "mips64", "powerpc64", "riscv64", "s390x", "sparc64", "x86_64"];

/// The bit of little-endian architectures in `AUDIT_ARCH_*`: `__AUDIT_ARCH_LE`.
const LITTLE_ENDIAN: u32 = 0x4000_0000;

/// The architectures of the kernel, in the order of the names.
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
    /// 64-bit x86. The x32 ABI shares this number, and sets bit 30 in the numbers of its calls.
    pub const X86_64: Arch = Arch(0xc000_003e);
    /// 64-bit Arm, little-endian.
    pub const AARCH64: Arch = Arch(0xc000_00b7);
    /// 64-bit RISC-V.
    pub const RISCV64: Arch = Arch(0xc000_00f3);

    /// Returns the architecture of this machine, if it has a name in this crate.
    pub fn host() -> Option<Arch> {
        let (name, _) = HOSTS.iter().find(|(_, is_host)| *is_host && cfg!(target_pointer_width = "64"))?;
        let Arch(number) = name.parse().ok()?;
        // Some names, such as `powerpc64`, are used for both byte orders.
        Some(Arch(number & !LITTLE_ENDIAN | Arch::host_byte_order()))
    }

    /// Returns [`LITTLE_ENDIAN`] on a little-endian machine, else 0.
    fn host_byte_order() -> u32 {
        if cfg!(target_endian = "little") { LITTLE_ENDIAN } else { 0 }
    }

    /// Returns whether the upper half of a 64-bit argument comes first in `struct seccomp_data`.
    ///
    /// The bit `__AUDIT_ARCH_LE` of the number decides, also for numbers without a name. Linux does not set that bit
    /// for hexagon, microblaze and xtensa, which can be little-endian.
    ///
    /// ```
    /// use cbpf::seccomp::Arch;
    /// assert!("s390x".parse::<Arch>().is_ok_and(Arch::is_big_endian));
    /// assert!(!Arch::X86_64.is_big_endian());
    /// ```
    pub fn is_big_endian(self) -> bool {
        self.0 & LITTLE_ENDIAN == 0
    }

    /// Returns the architectures that have a name.
    pub(crate) fn named() -> impl Iterator<Item = Arch> {
        TABLE.iter().map(|row| row.arch)
    }

    /// Returns the name, such as `x86_64`, or `None` for a number without one.
    pub fn name(self) -> Option<&'static str> {
        TABLE.iter().find(|row| row.arch == self).map(|row| row.names[0])
    }

    /// Returns the name of a system call of this architecture.
    ///
    /// Names exist for aarch64, arm, i386, loongarch64, mips, mips64, ppc, ppc64, riscv32, riscv64, s390x, sparc,
    /// sparc64 and x86-64, and for their variants of the other byte order with the same numbers. Names of the x32 ABI
    /// begin with `x32_`. Without the feature `syscall-names` there are no names.
    ///
    #[cfg_attr(feature = "syscall-names", doc = "```")]
    #[cfg_attr(not(feature = "syscall-names"), doc = "```ignore")]
    /// use cbpf::seccomp::Arch;
    /// assert_eq!(Arch::X86_64.syscall_name(1), Some("write".into()));
    /// assert_eq!(Arch::AARCH64.syscall_name(64), Some("write".into()));
    /// assert_eq!(Arch::X86_64.syscall_name(0x4000_0001), Some("x32_write".into()));
    /// assert_eq!(Arch::X86_64.syscall_name(-1), None);
    /// ```
    pub fn syscall_name(self, nr: i32) -> Option<String> {
        names::name(self, nr)
    }

    /// Returns the number of the system call with this name.
    ///
    #[cfg_attr(feature = "syscall-names", doc = "```")]
    #[cfg_attr(not(feature = "syscall-names"), doc = "```ignore")]
    /// use cbpf::seccomp::Arch;
    /// assert_eq!(Arch::X86_64.syscall_number("execve"), Some(59));
    /// assert_eq!(Arch::X86_64.syscall_number("x32_execve"), Some(0x4000_0000 + 520));
    /// assert_eq!(Arch::RISCV64.syscall_number("open"), None);
    /// ```
    pub fn syscall_number(self, name: &str) -> Option<i32> {
        names::number(self, name)
    }
}

/// Returns the architecture of this machine, or a number with its byte order alone if it has no name in this crate.
impl Default for Arch {
    fn default() -> Arch {
        Arch::host().unwrap_or(Arch(Arch::host_byte_order()))
    }
}

/// Prints the name, or the number in hexadecimal.
impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl FromStr for Arch {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Arch, UnknownName> {
        let row = TABLE.iter().find(|row| row.names.contains(&name));
        let expected = ["x86_64", "i386", "aarch64", "s390x", "another name of AUDIT_ARCH_*"];
        row.map(|row| row.arch).ok_or_else(|| UnknownName::new("architecture", name, expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(TABLE.windows(2).all(|pair| pair[0].names[0] < pair[1].names[0]));
        for row in &TABLE {
            assert!(row.names.iter().all(|name| name.parse() == Ok(row.arch)));
            assert_eq!(row.arch.to_string(), row.names[0]);
        }
        assert!(HOSTS.iter().all(|(name, _)| name.parse::<Arch>().is_ok()));
        assert_eq!(Arch(7).to_string(), "0x00000007");
    }

    #[test]
    fn number_includes_the_byte_order() {
        let named = |is_big: bool| TABLE.iter().filter(move |row| row.arch.is_big_endian() == is_big);
        let big: Vec<&str> = named(true).map(|row| row.names[0]).collect();
        for name in ["armeb", "m68k", "mips", "mips64", "mips64n32", "parisc", "ppc", "ppc64", "s390", "s390x", "sh"] {
            assert!(big.contains(&name), "{name}");
        }
        assert!(named(false).any(|row| row.arch == Arch::X86_64));
        assert_eq!(Arch::default().is_big_endian(), cfg!(target_endian = "big"));
    }
}
