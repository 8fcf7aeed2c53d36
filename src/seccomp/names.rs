//! The names of system calls: the tables of the crate `syscalls`, and those of x32, which it lacks.

#[cfg(feature = "syscall-names")]
use syscalls::{aarch64, riscv64, x86_64};

use crate::seccomp::Arch;

/// What the names of x32 calls begin with, as in seccomp-tools.
const X32_PREFIX: &str = "x32_";

/// The bit that x32 calls have in their numbers: `__X32_SYSCALL_BIT`.
const X32_BIT: i32 = 0x4000_0000;

/// The first number of [`X32_ONLY`].
const X32_FIRST: i32 = 512;

/// The calls that have numbers of their own in x32, from 512; the 64-bit numbers of these names are not for x32.
///
/// Source: `arch/x86/entry/syscalls/syscall_64.tbl`, the rows of ABI `x32`, by `asm/unistd_x32.h`. The list is closed.
static X32_ONLY: [&str; 36] = [
    "rt_sigaction",
    "rt_sigreturn",
    "ioctl",
    "readv",
    "writev",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "ptrace",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "sigaltstack",
    "timer_create",
    "mq_notify",
    "kexec_load",
    "waitid",
    "set_robust_list",
    "get_robust_list",
    "vmsplice",
    "move_pages",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "recvmmsg",
    "sendmmsg",
    "process_vm_readv",
    "process_vm_writev",
    "setsockopt",
    "getsockopt",
    "io_setup",
    "io_submit",
    "execveat",
    "preadv2",
    "pwritev2",
];

/// The name of a system call.
pub(super) fn name(arch: Arch, nr: i32) -> Option<String> {
    match nr & !X32_BIT {
        low if arch == Arch::X86_64 && low != nr => Some(format!("{X32_PREFIX}{}", x32_name(low)?)),
        _ => plain_name(arch, nr).map(str::to_owned),
    }
}

/// The number of a system call.
pub(super) fn number(arch: Arch, name: &str) -> Option<i32> {
    let Some(x32) = name.strip_prefix(X32_PREFIX).filter(|_| arch == Arch::X86_64) else {
        return plain_number(arch, name);
    };
    let only = X32_ONLY.iter().position(|&only| only == x32).map(|place| X32_FIRST + place as i32);
    let low = only.or_else(|| plain_number(arch, x32));
    low.filter(|_| cfg!(feature = "syscall-names")).map(|low| low | X32_BIT)
}

fn x32_name(low: i32) -> Option<&'static str> {
    let only = usize::try_from(low - X32_FIRST).ok().and_then(|place| X32_ONLY.get(place).copied());
    let shared = || plain_name(Arch::X86_64, low).filter(|name| !X32_ONLY.contains(name));
    only.or_else(shared).filter(|_| cfg!(feature = "syscall-names"))
}

/// The name of a call that is not of x32.
#[cfg(feature = "syscall-names")]
fn plain_name(arch: Arch, nr: i32) -> Option<&'static str> {
    let nr = usize::try_from(nr).ok()?;
    match arch {
        Arch::X86_64 => x86_64::Sysno::new(nr).map(|call| call.name()),
        Arch::AARCH64 => aarch64::Sysno::new(nr).map(|call| call.name()),
        Arch::RISCV64 => riscv64::Sysno::new(nr).map(|call| call.name()),
        _ => None,
    }
}

/// The number of a call that is not of x32.
#[cfg(feature = "syscall-names")]
fn plain_number(arch: Arch, name: &str) -> Option<i32> {
    match arch {
        Arch::X86_64 => name.parse().map(|call: x86_64::Sysno| call.id()).ok(),
        Arch::AARCH64 => name.parse().map(|call: aarch64::Sysno| call.id()).ok(),
        Arch::RISCV64 => name.parse().map(|call: riscv64::Sysno| call.id()).ok(),
        _ => None,
    }
}

#[cfg(not(feature = "syscall-names"))]
fn plain_name(_arch: Arch, _nr: i32) -> Option<&'static str> {
    None
}

#[cfg(not(feature = "syscall-names"))]
fn plain_number(_arch: Arch, _name: &str) -> Option<i32> {
    None
}

#[cfg(all(test, feature = "syscall-names"))]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_each_other_s_reverse() {
        for arch in [Arch::X86_64, Arch::AARCH64, Arch::RISCV64] {
            let numbers = (-1..1024).chain((0..1024).map(|nr| nr | X32_BIT));
            let named: Vec<(i32, String)> = numbers.filter_map(|nr| Some((nr, name(arch, nr)?))).collect();
            assert!(named.iter().all(|(nr, name)| number(arch, name) == Some(*nr)), "{arch}");
            assert!(named.len() > 300, "{arch}: {}", named.len());
        }
    }

    #[test]
    fn x32_has_numbers_of_its_own() {
        assert_eq!(name(Arch::X86_64, X32_BIT | 547).as_deref(), Some("x32_pwritev2"));
        assert_eq!(name(Arch::X86_64, X32_BIT | 548), None);
        // 59 is execve of the 64-bit ABI; x32 has it at 520.
        assert_eq!(name(Arch::X86_64, X32_BIT | 59), None);
        assert_eq!(name(Arch::AARCH64, X32_BIT | 64), None);
    }
}
