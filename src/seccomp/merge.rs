//! Merging: a stack of filters becomes one program.

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::seccomp::analysis::{Analysis, collect};
use crate::seccomp::analysis_error::AnalysisError;
use crate::seccomp::diagram::Node;
use crate::seccomp::emission;

/// Returns one filter with the kernel's action for a stack of filters: the strictest, and among equally strict ones that
/// of the newest.
///
/// The filters are in the order in which they are installed, the oldest first. The result decides each word of the call
/// once, the number of the call by a binary search. The diagram of the result is computed again from its instructions
/// and compared with that of the filters, so a result is proven equal to the stack. Lower halves of verdicts that the
/// kernel ignores may differ. Without filters every call is allowed.
///
/// A merged filter takes the place of filters that one process installs one after the other. Filters that other
/// processes installed before still run.
///
/// The call needs up to 500 KiB of stack.
///
/// # Errors
/// - [`AnalysisError::Dialect`] if a filter was verified for another dialect.
/// - [`AnalysisError::TooComplex`] and [`AnalysisError::TooComplexTogether`] if the diagrams exceed their limit.
/// - [`AnalysisError::TooLong`] if the result has more instructions than the kernel accepts.
///
/// ```
/// use cbpf::seccomp::{self, Action, Arch, SeccompData};
/// use cbpf::{Dialect, Program};
/// let no_fork: Program = "ld [0]\n jeq #57, deny\n ret #0x7fff0000\n deny: ret #0x00050001".parse()?;
/// let no_exec: Program = "ld [0]\n jeq #59, deny\n ret #0x7fff0000\n deny: ret #0x80000000".parse()?;
/// let stack = [no_fork.verify(Dialect::Seccomp)?, no_exec.verify(Dialect::Seccomp)?];
/// let merged = seccomp::merge(&stack)?;
/// let call = |nr| SeccompData { nr, arch: Arch::X86_64, ..SeccompData::default() };
/// assert_eq!(merged.interpret_seccomp(&call(57)), Some(Action::Errno(1)));
/// assert_eq!(merged.interpret_seccomp(&call(59)), Some(Action::KillProcess));
/// assert_eq!(merged.interpret_seccomp(&call(0)), Some(Action::Allow));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge<'f>(filters: impl IntoIterator<Item = &'f Verified>) -> Result<Verified, AnalysisError> {
    let filters = collect(filters);
    let mut analysis = Analysis::new();
    let root = analysis.stack(&filters)?;
    let program = emission::emit(&mut analysis, root)?;
    let emitted = proven(&mut analysis, &program, root);
    let shorter = program.optimize(Dialect::Seccomp).ok().filter(|shorter| shorter.len() < program.len());
    let shorter = shorter.and_then(|shorter| proven(&mut analysis, &shorter, root).ok());
    match shorter {
        Some(shorter) => Ok(shorter),
        None => emitted,
    }
}

/// Verifies a program, and proves that its diagram is this one.
fn proven(analysis: &mut Analysis, program: &Program, root: Node) -> Result<Verified, AnalysisError> {
    if program.len() > Dialect::Seccomp.max_len() {
        return Err(AnalysisError::TooLong { len: program.len() });
    }
    let verified = program.verify(Dialect::Seccomp).map_err(|_| AnalysisError::NotProven)?;
    match analysis.filter(&verified) {
        Ok(node) if node == root => Ok(verified),
        _ => Err(AnalysisError::NotProven),
    }
}
