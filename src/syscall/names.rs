//! The names of system calls: the tables of the crate `syscalls`, and that of x32, which is missing there.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::syscall::Arch;

/// The prefix of the names of x32 calls, as in seccomp-tools.
const X32_PREFIX: &str = "x32_";

/// The bit of x32 calls in their numbers: `__X32_SYSCALL_BIT`.
pub(crate) const X32_BIT: i32 = 0x4000_0000;

/// The first number of [`X32_ONLY`].
const X32_FIRST: i32 = 512;

/// The calls with numbers of their own in x32, from 512; their 64-bit numbers are invalid in x32.
///
/// Source: `arch/x86/entry/syscalls/syscall_64.tbl`, the rows of ABI `x32`, by `asm/unistd_x32.h`. The list is final.
#[rustfmt::skip]
static X32_ONLY: [&str; 36] = [
    "rt_sigaction", "rt_sigreturn", "ioctl", "readv", "writev", "recvfrom", "sendmsg", "recvmsg", "execve",
    "ptrace", "rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo", "sigaltstack", "timer_create", "mq_notify",
    "kexec_load", "waitid", "set_robust_list", "get_robust_list", "vmsplice", "move_pages", "preadv", "pwritev",
    "rt_tgsigqueueinfo", "recvmmsg", "sendmmsg", "process_vm_readv", "process_vm_writev", "setsockopt",
    "getsockopt", "io_setup", "io_submit", "execveat", "preadv2", "pwritev2",
];

/// Returns the name of a system call.
pub(super) fn name(arch: Arch, nr: i32) -> Option<String> {
    match nr & !X32_BIT {
        low if arch == Arch::X86_64 && low != nr => Some(format!("{X32_PREFIX}{}", x32_name(low)?)),
        _ => plain_name(arch, nr).map(str::to_owned),
    }
}

/// Returns the number of a system call.
pub(super) fn number(arch: Arch, name: &str) -> Option<i32> {
    let Some(x32) = name.strip_prefix(X32_PREFIX).filter(|_| arch == Arch::X86_64) else {
        return plain_number(arch, name);
    };
    let only = X32_ONLY.iter().position(|&only| only == x32).map(|place| X32_FIRST + place as i32);
    let low = only.or_else(|| plain_number(arch, x32));
    low.filter(|_| cfg!(feature = "syscall-names")).map(|low| low | X32_BIT)
}

fn x32_name(low: i32) -> Option<&'static str> {
    let place = low.checked_sub(X32_FIRST).and_then(|place| usize::try_from(place).ok());
    let only = place.and_then(|place| X32_ONLY.get(place).copied());
    let shared = || plain_name(Arch::X86_64, low).filter(|name| !X32_ONLY.contains(name));
    only.or_else(shared).filter(|_| cfg!(feature = "syscall-names"))
}

/// Defines the lookups of names and numbers in the table of each architecture in the crate `syscalls`.
macro_rules! tables {
    ($($($name:literal)|+ => $table:ident,)+) => {
        /// Returns the name of a call outside x32.
        #[cfg(feature = "syscall-names")]
        fn plain_name(arch: Arch, nr: i32) -> Option<&'static str> {
            let nr = usize::try_from(nr).ok()?;
            let name = match arch.name()? {
                $($($name)|+ => syscalls::$table::Sysno::new(nr)?.name(),)+
                _ => return None,
            };
            Some(RENAMED.iter().find(|(_, listed)| has_renamed(arch) && *listed == name).map_or(name, |(name, _)| name))
        }

        /// Returns the number of a call outside x32.
        #[cfg(feature = "syscall-names")]
        fn plain_number(arch: Arch, name: &str) -> Option<i32> {
            let renamed = RENAMED.iter().find(|(now, _)| has_renamed(arch) && *now == name);
            let name = renamed.map_or(name, |(_, listed)| listed);
            match arch.name()? {
                $($($name)|+ => name.parse().map(|call: syscalls::$table::Sysno| call.id()).ok(),)+
                _ => None,
            }
        }

        /// Returns whether any architecture has a call with this name outside x32.
        #[cfg(feature = "syscall-names")]
        fn is_plain_call(name: &str) -> bool {
            let is_renamed = RENAMED.iter().any(|(now, _)| *now == name);
            is_renamed $(|| name.parse::<syscalls::$table::Sysno>().is_ok())+
        }

        /// The architectures with names of calls.
        #[cfg(all(test, feature = "syscall-names"))]
        static NAMED: &[&str] = &[$($($name),+),+];
    };
}

tables! {
    "x86_64" => x86_64,
    "i386" => x86,
    "aarch64" => aarch64,
    "arm" | "armeb" => arm,
    "loongarch64" => loongarch64,
    "mips" | "mipsel" => mips,
    "mips64" | "mipsel64" => mips64,
    "ppc" => powerpc,
    "ppc64" | "ppc64le" => powerpc64,
    "riscv32" => riscv32,
    "riscv64" => riscv64,
    "s390x" => s390x,
    "sparc" => sparc,
    "sparc64" => sparc64,
}

/// Calls that the tables list under another name than the kernel, for the architectures of [`has_renamed`].
#[cfg(feature = "syscall-names")]
static RENAMED: [(&str, &str); 1] = [("newfstatat", "fstatat")];

/// Returns whether the table of an architecture comes from the kernel's generic list, with the names of [`RENAMED`].
#[cfg(feature = "syscall-names")]
fn has_renamed(arch: Arch) -> bool {
    matches!(arch.name(), Some("aarch64" | "loongarch64"))
}

/// Returns whether any architecture has a system call with this name.
pub(crate) fn is_call(name: &str) -> bool {
    is_plain_call(name.strip_prefix(X32_PREFIX).unwrap_or(name))
}

#[cfg(not(feature = "syscall-names"))]
fn plain_name(_arch: Arch, _nr: i32) -> Option<&'static str> {
    None
}

#[cfg(not(feature = "syscall-names"))]
fn is_plain_call(_name: &str) -> bool {
    false
}

#[cfg(not(feature = "syscall-names"))]
fn plain_number(_arch: Arch, _name: &str) -> Option<i32> {
    None
}

#[cfg(all(test, feature = "syscall-names"))]
mod tests {
    use super::*;

    #[test]
    fn numbers_map_back_to_names() {
        for arch in NAMED.iter().map(|name| name.parse::<Arch>().unwrap()) {
            let numbers = (-1..6000).chain((0..1024).map(|nr| nr | X32_BIT));
            let named: Vec<(i32, String)> = numbers.filter_map(|nr| Some((nr, name(arch, nr)?))).collect();
            assert!(named.iter().all(|(nr, name)| number(arch, name) == Some(*nr)), "{arch}");
            assert!(named.len() > 300, "{arch}: {}", named.len());
        }
    }

    #[test]
    fn numbers_depend_on_the_architecture() {
        let number = |arch: &str, name| number(arch.parse().unwrap(), name);
        assert_eq!(number("i386", "socketcall"), Some(102));
        assert_eq!(number("s390x", "write"), Some(4));
        assert_eq!(number("mipsel", "read"), Some(4003));
        assert_eq!(number("mips64", "read"), Some(5000));
        assert_eq!(number("aarch64", "newfstatat"), Some(79));
        assert_eq!(name(Arch::AARCH64, 79).as_deref(), Some("newfstatat"));
        // 31-bit programs on s390 have other calls at the same numbers.
        assert_eq!(number("s390", "write"), None);
        assert!(is_call("socketcall") && is_call("x32_write") && !is_call("addr"));
    }

    #[test]
    fn numbers_x32_calls_on_their_own() {
        assert_eq!(name(Arch::X86_64, X32_BIT | 547).as_deref(), Some("x32_pwritev2"));
        assert_eq!(name(Arch::X86_64, X32_BIT | 548), None);
        assert_eq!(name(Arch::X86_64, X32_BIT | i32::MIN), None);
        // 59 is execve of the 64-bit ABI; x32 has it at 520.
        assert_eq!(name(Arch::X86_64, X32_BIT | 59), None);
        assert_eq!(name(Arch::AARCH64, X32_BIT | 64), None);
    }
}
