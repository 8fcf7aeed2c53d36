//! Filters of system calls.

use crate::bpf::dialect::Dialect;
use crate::filter::Filter;
use crate::syscall::{Action, SeccompData};

impl Filter {
    /// Runs the filter on a system call and returns its action, or `None` if it was not verified for
    /// [`Dialect::Seccomp`].
    ///
    /// Other dialects have no actions, and read numbers big-endian. The architecture of the call decides which half of
    /// an argument comes first; see [`SeccompData`]. A thread with many filters is subject to the
    /// [strictest](Action::strictest) of their actions. Newer kernels run no filter for `uretprobe` and `uprobe` on
    /// x86-64 (as of Linux 6.18).
    ///
    /// ```
    /// use cbpf::seccomp::{Action, Arch, SeccompData};
    /// use cbpf::{Dialect, Filter, Program};
    /// // EPERM for write to any file but 1 and 2.
    /// let program: Program = "ld [4]
    ///                         jne #0xc000003e, kill
    ///                         ld [0]
    ///                         jne #1, allow
    ///                         ld [20]
    ///                         jne #0, deny
    ///                         ld [16]
    ///                         jeq #1, allow
    ///                         jeq #2, allow
    ///                   deny: ret #0x00050001
    ///                  allow: ret #0x7fff0000
    ///                   kill: ret #0x80000000".parse()?;
    /// let filter = Filter::compile(&program.verify(Dialect::Seccomp)?)?;
    ///
    /// let write = |fd| SeccompData { nr: 1, arch: Arch::X86_64, args: [fd, 0, 0, 0, 0, 0], ..SeccompData::default() };
    /// assert_eq!(filter.run_seccomp(&write(2)), Some(Action::Allow));
    /// assert_eq!(filter.run_seccomp(&write(3)), Some(Action::Errno(1)));
    /// let of_arm = SeccompData { nr: 64, arch: Arch::AARCH64, ..SeccompData::default() };
    /// assert_eq!(filter.run_seccomp(&of_arm), Some(Action::KillProcess));
    ///
    /// let for_packets = Filter::compile(&"ret #1".parse::<Program>()?.verify(Dialect::Linux)?)?;
    /// assert_eq!(for_packets.run_seccomp(&write(1)), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_seccomp(&self, data: &SeccompData) -> Option<Action> {
        (self.dialect() == Dialect::Seccomp).then(|| self.run(&data.to_bytes()).into())
    }
}
