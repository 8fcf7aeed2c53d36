//! The interpreter on filters of system calls.

use crate::bpf::dialect::Dialect;
use crate::bpf::verified_ref::VerifiedRef;
use crate::bpf::verify::Verified;
use crate::syscall::{Action, SeccompData};

impl Verified {
    /// Interprets the filter on a system call and returns its action, or `None` if it was not verified for
    /// [`Dialect::Seccomp`].
    ///
    /// ```
    /// use cbpf::seccomp::{Action, SeccompData};
    /// use cbpf::{Dialect, Program};
    /// let program: Program = "ld [0]\n jeq #59, deny\n ret #0x7fff0000\n deny: ret #0x00050001".parse()?;
    /// let verified = program.verify(Dialect::Seccomp)?;
    /// let call = SeccompData { nr: 59, ..SeccompData::default() };
    /// assert_eq!(verified.interpret_seccomp(&call), Some(Action::Errno(1)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interpret_seccomp(&self, data: &SeccompData) -> Option<Action> {
        (self.dialect() == Dialect::Seccomp).then(|| self.interpret(&data.to_bytes()).into())
    }
}

impl VerifiedRef<'_> {
    /// Interprets the filter on a system call, as [`Verified::interpret_seccomp`] does.
    pub fn interpret_seccomp(&self, data: &SeccompData) -> Option<Action> {
        (self.dialect() == Dialect::Seccomp).then(|| self.interpret(&data.to_bytes()).into())
    }
}
